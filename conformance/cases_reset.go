package conformance

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

var resetCases = []Case{
	{
		Name: "forgot/is-always-202", Section: "jwt: 202 always, same time",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedMail, NeedDB}, Run: forgotAlike,
	},
	{
		Name: "forgot/mails-nobody-without-a-password", Section: "No enumeration: No reset mail to an account without a password",
		Type: feature.JWT, ASVS: []string{"6.4.3"}, Needs: []Need{NeedMail, NeedDB}, Run: forgotSilent,
	},
	{
		Name: "forgot/takes-the-same-time", Section: "jwt: 202 always, same time",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Needs: []Need{NeedBoot}, Turn: Alone, Run: forgotTiming,
	},
	{
		Name: "forgot/the-link-does-not-follow-the-host", Section: "Settings: AUTH_PUBLIC_URL",
		Type: feature.JWT, ASVS: []string{"6.4.3"}, Needs: []Need{NeedMail}, Run: forgotHost,
	},
	{
		Name: "forgot/is-bounded", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		Type: feature.JWT, ASVS: []string{"6.3.1", "6.6.3"}, RFC: []string{"RFC 6585 4"}, Run: forgotBounded,
	},
	{
		Name: "reset/sets-the-password-and-ends-all-sessions", Section: "jwt: ends all sessions; never signs in",
		Type: feature.JWT, ASVS: []string{"6.3.6", "6.3.7", "6.4.3", "6.5.4", "7.4.3", "11.5.1"}, Needs: []Need{NeedMail, NeedDB}, Run: resetWorks,
	},
	{
		Name: "reset/keeps-to-the-policy-and-the-token", Section: "Passwords: Refused",
		Type: feature.JWT, ASVS: []string{"6.2.1", "6.2.4", "6.2.11"}, Needs: []Need{NeedMail}, Run: resetPolicy,
	},
	{
		Name: "reset/a-token-is-good-once", Section: "One-time tokens: one atomic take",
		Type: feature.JWT, ASVS: []string{"6.4.3", "6.5.1"}, Needs: []Need{NeedMail}, Run: resetOnce,
	},
	{
		Name: "reset/of-ten-at-once-one-succeeds", Section: "One-time tokens: one atomic take",
		Type: feature.JWT, ASVS: []string{"6.4.3", "6.5.1"}, Needs: []Need{NeedMail, NeedBoot}, Run: resetRace,
	},
	{
		Name: "reset/and-change-at-once-both-answer", Section: "jwt: POST /password/reset",
		Type: feature.JWT, Needs: []Need{NeedMail}, Run: resetAndChange,
	},
	{
		Name: "reset/a-new-token-replaces-the-old", Section: "One-time tokens: a new one replaces the old",
		Type: feature.JWT, ASVS: []string{"6.6.2"}, Needs: []Need{NeedMail}, Run: resetReplaced,
	},
	{
		Name: "reset/late-or-for-another-address-is-refused", Section: "One-time tokens: bound to purpose and address",
		Type: feature.JWT, ASVS: []string{"6.4.3", "6.6.2"}, Needs: []Need{NeedMail, NeedDB}, Run: resetLate,
	},
	{
		Name: "reset/only-the-hash-is-stored", Section: "One-time tokens: only the SHA-256 stored",
		Type: feature.JWT, ASVS: []string{"6.4.3"}, Needs: []Need{NeedMail, NeedDB}, Run: resetStored,
	},
	{
		Name: "reset/anything-else-is-400", Section: "One-time tokens: bound to purpose and address",
		Type: feature.JWT, ASVS: []string{"6.6.2", "9.2.2"}, Needs: []Need{NeedMail}, Run: resetGarbage,
	},
	{
		Name: "reset/takes-the-account-over", Section: "Ownership: takes it over",
		Type: feature.JWT, ASVS: []string{"6.3.7", "16.3.1"}, Needs: []Need{NeedMail, NeedOutput}, Run: resetTakesOver,
	},
	{
		Name: "reset/ends-the-lock-of-the-account", Section: "Throttle: until the window or a password reset ends it",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Needs: []Need{NeedMail, NeedDB}, Run: resetUnlocks,
	},
}

func forgot(email any) call { return post("/password/forgot", map[string]any{"email": email}) }

func resetWith(token any, password string) call {
	return post("/password/reset", map[string]any{"token": token, "new_password": password})
}

func (t *T) reset(token, password string) *answer { return t.send(resetWith(token, password)) }

// resetLink asks for a link and returns the token of the n-th mail to the account.
func (t *T) resetLink(acc account, n int) string {
	t.send(forgot(acc.email)).want(http.StatusAccepted)
	return t.newestLink(acc.email, n)
}

// silentAccounts are those that get no reset mail, and one that nobody has.
func (t *T) silentAccounts() map[string]account {
	inactive, without := t.register(), t.register()
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, inactive.id)
	t.importHash(without, nil)
	return map[string]account{"inactive": inactive, "no password": without, "nobody": newAccount()}
}

func forgotAlike(t *T) {
	known := t.send(forgot(t.register().email)).want(http.StatusAccepted)
	if string(known.body) != "{}" {
		known.errorf("the body is not {}")
	}
	for what, acc := range t.silentAccounts() {
		sameAnswer(what, known, t.send(forgot(acc.email)))
	}
	for _, email := range []any{"", "x", 1, nil, "a@b\r\nBcc: c@example.com", "a@example.com\x00", []string{"a@example.com"}} {
		t.send(forgot(email)).expect("what is no address", http.StatusUnprocessableEntity)
	}
}

func forgotSilent(t *T) {
	accounts := t.silentAccounts()
	for _, acc := range accounts {
		t.send(forgot(acc.email)).want(http.StatusAccepted)
	}
	t.settled()
	for what, acc := range accounts {
		if mails := t.target.Mail.To(acc.email); len(mails) > 0 {
			t.Errorf("%s: %d mails", what, len(mails))
		}
	}
}

func forgotTiming(t *T) {
	app := t.boot(map[string]string{"AUTH_MAIL_URL": ""})
	known := askingFor("a known address", func() string { return app.register().email })
	unknown := askingFor("an unknown address", func() string { return newAccount().email })
	app.sameTime(known, unknown)
}

// askingFor takes another address before the bound is reached, as tries does.
func askingFor(name string, make func() string) attempt {
	next := tries(name, "", make).next
	return attempt{name, func() call {
		form := string(next().body)
		email := strings.TrimPrefix(strings.TrimSuffix(form, "&password="), "username=")
		return forgot(strings.Replace(email, "%40", "@", 1))
	}}
}

func forgotHost(t *T) {
	acc := t.register()
	for i, c := range []call{
		forgot(acc.email).with("X-Forwarded-Host", "evil.example"),
		forgot(acc.email).with("Forwarded", "host=evil.example"),
		forgot(acc.email).with("Origin", "https://evil.example").with("Referer", "https://evil.example/"),
		forgot(acc.email).with("Host", "evil.example"),
	} {
		t.send(c).want(http.StatusAccepted)
		m := t.mailsTo(acc.email, i+1)[i]
		if address, _, err := m.link(); err != nil || !t.leadsTo(address, "reset") {
			t.Errorf("the link leads to %q (%v)", address, err)
		}
		if strings.Contains(m.Raw, "evil.example") {
			t.Errorf("the mail names the forged host")
		}
	}
}

func forgotBounded(t *T) {
	acc := t.register()
	for range 10 {
		t.send(forgot(acc.email)).want(http.StatusAccepted)
	}
	t.send(forgot(acc.email)).expect("the eleventh mail to one address", http.StatusTooManyRequests).wantRetryAfter()
	nobody := newAccount()
	for range 10 {
		t.send(forgot(nobody.email)).want(http.StatusAccepted)
	}
	t.send(forgot(nobody.email)).expect("the eleventh mail to nobody", http.StatusTooManyRequests)
	t.login(acc.email, acc.password).expect("a login meanwhile", http.StatusOK)
}

func resetWorks(t *T) {
	acc, s := t.member()
	token := t.resetLink(acc, 1)
	if raw, err := b64.DecodeString(token); err != nil || len(raw) != 32 {
		t.Errorf("the token is not base64url of 32 bytes: %d (%v)", len(raw), err)
	}
	a := t.reset(token, newPassword).want(http.StatusNoContent)
	if len(a.body) > 0 || a.header.Get("Set-Cookie") != "" {
		a.errorf("a reset answers with more than its status")
	}
	t.dead("a session of before", s)
	t.login(acc.email, acc.password).expect("the old password", http.StatusUnauthorized)
	after := t.session(t.login(acc.email, newPassword).want(http.StatusOK))
	if n := t.countedFor("reset"); n != "0" {
		t.Errorf("after a reset that succeeded %s attempts are counted", n)
	}
	if t.me(after.access).object()["is_verified"] != true {
		t.Errorf("a completed reset does not verify the address")
	}
	notice := t.mailsTo(acc.email, 2)[1]
	if strings.Contains(notice.Text, "token=") || strings.Contains(notice.Text, newPassword) {
		t.Errorf("the notice says too much:\n%s", notice.Text)
	}
}

func resetPolicy(t *T) {
	acc := t.register()
	token := t.resetLink(acc, 1)
	local, _, _ := strings.Cut(acc.email, "@")
	for _, password := range []string{"short", "password123", acc.email, local, acc.username} {
		a := t.reset(token, password).expect("a password against the policy", http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			a.wantLocated("body", "new_password")
		}
	}
	t.reset(token, newPassword).expect("the token after refused passwords", http.StatusNoContent)
}

func resetOnce(t *T) {
	acc := t.register()
	token := t.resetLink(acc, 1)
	t.reset(token, newPassword).want(http.StatusNoContent)
	t.reset(token, "a third horse of the tests").expect("the token again", http.StatusBadRequest)
	t.login(acc.email, newPassword).expect("the password of the first use", http.StatusOK)
}

func resetRace(t *T) {
	acc := t.register()
	token := t.resetLink(acc, 1)
	replica := t.boot(nil)
	passwords := make([]string, 10)
	answers := make(chan struct {
		i int
		a *answer
	}, len(passwords))
	start := make(chan struct{})
	for i := range passwords {
		passwords[i] = "a horse named " + unique()
		app := t
		if i%2 == 1 {
			app = replica
		}
		go func() {
			<-start
			answers <- struct {
				i int
				a *answer
			}{i, app.try(t, resetWith(token, passwords[i]))}
		}()
	}
	close(start)
	counts, winner := map[int]int{}, ""
	for range passwords {
		got := <-answers
		counts[got.a.status]++
		if got.a.status == http.StatusNoContent {
			winner = passwords[got.i]
		}
	}
	if counts[http.StatusNoContent] != 1 || counts[http.StatusBadRequest] != 9 {
		t.Fatalf("ten resets by one token on two replicas: %v, want one 204 and nine 400", counts)
	}
	t.login(acc.email, winner).expect("the password of the one that succeeded", http.StatusOK)
}

func resetReplaced(t *T) {
	acc := t.register()
	first := t.resetLink(acc, 1)
	second := t.resetLink(acc, 2)
	t.reset(first, newPassword).expect("the token before the newest", http.StatusBadRequest)
	t.reset(second, newPassword).expect("the newest token", http.StatusNoContent)
}

func resetLate(t *T) {
	acc := t.register()
	token := t.resetLink(acc, 1)
	t.expiry(acc, "reset", 30*time.Minute)
	t.exec("UPDATE auth_tokens SET expires_at = ? WHERE user_id = ?", t.target.Dialect.stamp(time.Now().Add(-time.Second)), acc.id)
	t.reset(token, newPassword).expect("a late token", http.StatusBadRequest)
	token = t.resetLink(acc, 2)
	t.exec("UPDATE users SET email_key = ? WHERE id = ?", newAccount().email, acc.id)
	t.reset(token, newPassword).expect("a token for the address of before", http.StatusBadRequest)
}

// expiry expects that the account's token of that purpose lives so long.
func (t *T) expiry(acc account, purpose string, life time.Duration) {
	rows := t.query("SELECT 1 FROM auth_tokens WHERE user_id = ? AND purpose = ? AND expires_at > ? AND expires_at < ?",
		acc.id, purpose, t.target.Dialect.stamp(time.Now().Add(life-time.Minute)), t.target.Dialect.stamp(time.Now().Add(life+time.Minute)))
	if len(rows) != 1 {
		t.Errorf("no %s token lives %v", purpose, life)
	}
}

func resetStored(t *T) {
	acc := t.register()
	token := t.resetLink(acc, 1)
	sum := sha256.Sum256([]byte(token))
	rows := t.query("SELECT token_hash, purpose FROM auth_tokens WHERE user_id = ?", acc.id)
	if len(rows) != 1 || rows[0][0] != b64.EncodeToString(sum[:]) || rows[0][1] != "reset" {
		t.Errorf("stored is %q, want the SHA-256 of the token alone", rows)
	}
	t.reset(rows[0][0], newPassword).expect("the stored hash as a token", http.StatusBadRequest)
}

func resetGarbage(t *T) {
	acc, s := t.member()
	token := t.resetLink(acc, 1)
	for what, bad := range map[string]string{
		"empty": "", "short": token[:42], "longer": token + "A", "padded": token + "=", "another": strings.Repeat("A", 43),
		"an access token": s.access[:90], "upper case": strings.ToUpper(token), "NUL": token[:42] + "\x00", "a space": " " + token,
	} {
		t.reset(bad, newPassword).expect("a token that is "+what, http.StatusBadRequest)
	}
	t.send(resetWith(7, newPassword)).expect("a number", http.StatusUnprocessableEntity)
	t.send(post("/verify", map[string]any{"token": token}).as(s.access)).expect("a reset token on /verify", http.StatusBadRequest)
	t.reset(token, newPassword).expect("the token itself, after all that", http.StatusNoContent)
}

func resetTakesOver(t *T) {
	acc, squatter := t.member() // whoever registered has not shown to own the address
	t.reset(t.resetLink(acc, 1), newPassword).want(http.StatusNoContent)
	t.dead("who registered the address", squatter)
	t.login(acc.email, acc.password).expect("the password of who registered", http.StatusUnauthorized)
	t.logs(fmt.Sprintf("auth.password.reset user_id=%d", acc.id))
	t.logs(fmt.Sprintf("auth.account.takeover user_id=%d", acc.id))
	if notice := t.mailsTo(acc.email, 2)[1]; !t.tells(notice, "before its address was confirmed") {
		t.Errorf("the notice does not tell that the account was taken over:\n%s", notice.Text)
	}
}

func resetUnlocks(t *T) {
	acc := t.register()
	for range 11 {
		t.login(acc.email, "wrong")
	}
	t.login(acc.email, acc.password).expect("a locked account", http.StatusTooManyRequests)
	t.exec("UPDATE auth_throttle SET count = ? WHERE key = ?", perAccount+1, fmt.Sprintf("login:account:u%d", acc.id))
	stranger := t.fresh()
	stranger.login(acc.email, acc.password).expect("an account that is locked for a day", http.StatusTooManyRequests)
	t.reset(t.resetLink(acc, 1), newPassword).want(http.StatusNoContent)
	t.login(acc.email, newPassword).expect("after the reset", http.StatusOK)
	stranger.login(acc.email, newPassword).expect("after the reset, from elsewhere", http.StatusOK)
}

// resetAndChange would find locks that are taken in two orders: each waits for the other.
func resetAndChange(t *T) {
	for range 8 {
		from := t.fresh()
		acc, s := from.member()
		token := from.resetLink(acc, 1)
		change := post("/password/change", map[string]any{"current_password": acc.password, "new_password": newPassword}).as(s.access)
		answers := from.together([]call{resetWith(token, newPassword), change})
		answers[0].expect("a reset beside a change", http.StatusNoContent, http.StatusBadRequest)
		answers[1].expect("a change beside a reset", http.StatusNoContent, http.StatusBadRequest, http.StatusUnauthorized)
		if answers[0].status != http.StatusNoContent && answers[1].status != http.StatusNoContent {
			t.Errorf("neither the reset nor the change was done")
		}
	}
}
