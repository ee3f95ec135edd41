package conformance

import (
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

var verifyCases = []Case{
	{
		Name: "verify/with-the-session-that-asked", Section: "Sessions: POST /verify/request, /verify",
		ASVS: []string{"6.6.2"}, Needs: []Need{NeedMail, NeedDB}, Run: verifyBySession,
	},
	{
		Name: "verify/with-the-password-instead", Section: "Sessions: POST /verify/request, /verify",
		Type: feature.JWT, ASVS: []string{"6.5.1"}, Needs: []Need{NeedMail}, Run: verifyByPassword,
	},
	{
		Name: "verify/another-users-session-proves-nothing", Section: "Ownership: the presenting session, or the password given, stays",
		ASVS: []string{"6.6.2"}, Needs: []Need{NeedMail, NeedDB}, Run: verifyByOther,
	},
	{
		Name: "verify/ends-every-other-session", Section: "Ownership: takes it over",
		Type: feature.JWT, ASVS: []string{"6.3.7", "16.3.1"}, Needs: []Need{NeedMail, NeedOutput}, Run: verifyTakesOver,
	},
	{
		Name: "verify/a-token-is-good-once-of-ten-at-once", Section: "One-time tokens: one atomic take",
		ASVS: []string{"6.4.1", "6.5.1"}, Needs: []Need{NeedMail, NeedDB}, Run: verifyOnce,
	},
	{
		Name: "verify/late-replaced-or-moved-is-refused", Section: "One-time tokens: bound to purpose and address",
		Type: feature.JWT, ASVS: []string{"6.4.1", "6.6.2"}, Needs: []Need{NeedMail, NeedDB}, Run: verifyLate,
	},
	{
		Name: "verify/request-mails-only-the-unverified", Section: "Sessions: POST /verify/request, /verify",
		ASVS: []string{"6.6.3"}, RFC: []string{"RFC 6585 4"}, Needs: []Need{NeedMail, NeedDB}, Run: verifyRequest,
	},
	{
		Name: "verify/wrong-passwords-are-counted", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Needs: []Need{NeedMail}, Run: verifyCounted,
	},
}

func verifyWith(token string) call { return post("/verify", map[string]any{"token": token}) }

func verifyByPasswordWith(token, password string) call {
	return post("/verify", map[string]any{"token": token, "password": password})
}

// verifyLink asks for a link and returns the token of the n-th mail to the account.
func (t *T) verifyLink(acc account, s session, n int) string {
	a := t.send(post("/verify/request", nil).as(s.access)).want(http.StatusAccepted)
	if string(a.body) != "{}" {
		a.errorf("the body is not {}")
	}
	return t.newestLink(acc.email, n)
}

func (t *T) verified(s session) bool { return t.me(s.access).want(200).object()["is_verified"] == true }

func verifyBySession(t *T) {
	acc, s := t.unverified()
	token := t.verifyLink(acc, s, 1)
	if address, _, _ := t.mailsTo(acc.email, 1)[0].link(); !t.leadsTo(address, "verify") {
		t.Errorf("the link leads to %q", address)
	}
	if t.verified(s) {
		t.Errorf("asking for the link verifies the address")
	}
	t.send(verifyWith(token)).expect("neither session nor password", http.StatusUnauthorized)
	t.send(verifyWith(token).as(s.access)).want(http.StatusNoContent)
	if !t.verified(s) {
		t.Errorf("the address is not verified")
	}
	t.alive("the session that verified", s)
}

func verifyByPassword(t *T) {
	acc, s := t.member()
	token := t.verifyLink(acc, s, 1)
	t.send(verifyByPasswordWith(token, "wrong "+acc.password)).expect("a wrong password", http.StatusUnauthorized)
	t.send(verifyByPasswordWith(token, acc.password)).want(http.StatusNoContent)
	t.dead("a session of before", s)
	if !t.verified(t.signIn(acc)) {
		t.Errorf("the address is not verified")
	}
	t.send(verifyByPasswordWith(token, acc.password)).expect("the token again", http.StatusBadRequest)
}

func verifyByOther(t *T) {
	acc, s := t.unverified()
	_, other := t.unverified()
	token := t.verifyLink(acc, s, 1)
	t.send(verifyWith(token).as(other.access)).expect("another user's session", http.StatusBadRequest)
	t.send(verifyWith(token).as("x")).expect("a session that is none", http.StatusUnauthorized)
	if t.verified(other) || t.verified(s) {
		t.Errorf("an address is verified by the session of another user")
	}
	t.send(verifyWith(token).as(s.access)).expect("the owner's session afterwards", http.StatusNoContent)
}

func verifyTakesOver(t *T) {
	acc, s := t.member()
	squatter := t.signIn(acc)
	t.send(verifyWith(t.verifyLink(acc, s, 1)).as(s.access)).want(http.StatusNoContent)
	t.dead("who signed in before the address was proved", squatter)
	t.alive("the session that proved it", s)
	t.login(acc.email, acc.password).expect("the password, which stays", http.StatusOK)
	t.mailsTo(acc.email, 2)
	if !strings.Contains(t.target.Output(), "auth.account.takeover") {
		t.Errorf("the takeover is not in the log")
	}
}

func verifyOnce(t *T) {
	acc, s := t.unverified()
	token := t.verifyLink(acc, s, 1)
	var calls []call
	for range 10 {
		calls = append(calls, verifyWith(token).as(s.access))
	}
	counts := map[int]int{}
	for _, a := range t.together(calls) {
		counts[a.status]++
	}
	if counts[http.StatusNoContent] != 1 || counts[http.StatusBadRequest] != 9 {
		t.Errorf("ten verifications by one token: %v, want one 204 and nine 400", counts)
	}
}

func verifyLate(t *T) {
	acc, s := t.member()
	token := t.verifyLink(acc, s, 1)
	t.expiry(acc, "verify", 24*time.Hour)
	t.exec("UPDATE auth_tokens SET expires_at = ? WHERE user_id = ?", t.target.Dialect.stamp(time.Now().Add(-time.Second)), acc.id)
	t.send(verifyWith(token).as(s.access)).expect("a late token", http.StatusBadRequest)
	first, second := t.verifyLink(acc, s, 2), t.verifyLink(acc, s, 3)
	t.send(verifyWith(first).as(s.access)).expect("a replaced token", http.StatusBadRequest)
	t.reset(second, newPassword).expect("a verify token on /password/reset", http.StatusBadRequest)
	t.exec("UPDATE users SET email_key = ? WHERE id = ?", newAccount().email, acc.id)
	t.send(verifyWith(second).as(s.access)).expect("a token for the address of before", http.StatusBadRequest)
	if t.verified(s) {
		t.Errorf("the address is verified")
	}
}

func verifyRequest(t *T) {
	acc, s := t.unverified()
	t.send(post("/verify/request", nil)).expect("no session", http.StatusUnauthorized)
	t.send(verifyWith(t.verifyLink(acc, s, 1)).as(s.access)).want(http.StatusNoContent)
	t.send(post("/verify/request", nil).as(s.access)).expect("a verified address", http.StatusAccepted)
	t.settled()
	t.mailsTo(acc.email, 1)
	other, fresh := t.unverified()
	for range 10 {
		t.send(post("/verify/request", nil).as(fresh.access)).want(http.StatusAccepted)
	}
	t.send(post("/verify/request", nil).as(fresh.access)).expect("the eleventh link", http.StatusTooManyRequests).wantRetryAfter()
	t.mailsTo(other.email, 10)
}

func verifyCounted(t *T) {
	acc, s := t.member()
	token := t.verifyLink(acc, s, 1)
	for range 10 {
		t.send(verifyByPasswordWith(token, "wrong")).want(http.StatusUnauthorized)
	}
	t.send(verifyByPasswordWith(token, acc.password)).expect("the right password past the bound", http.StatusTooManyRequests)
	t.send(verifyWith(token).as(s.access)).expect("the session meanwhile", http.StatusNoContent)
}
