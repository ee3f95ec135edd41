package conformance

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

var passkeyRecoveryCases = []Case{
	{
		Name: "recovery/ten-codes-of-128-bits", Section: "passkey: POST /passkey/recovery/codes",
		Type: feature.Passkey, ASVS: []string{"6.5.2", "6.5.4", "11.5.1"}, Run: recoveryCodes,
	},
	{
		Name: "recovery/only-hashes-are-stored", Section: "passkey: POST /passkey/recovery/codes",
		Type: feature.Passkey, ASVS: []string{"6.5.2"}, Needs: []Need{NeedDB}, Run: recoveryStored,
	},
	{
		Name: "recovery/codes-need-a-recent-sign-in", Section: "passkey: POST /passkey/recovery/codes",
		Type: feature.Passkey, ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB}, Run: recoveryRecent,
	},
	{
		Name: "recovery/a-code-signs-in-and-ends-the-rest", Section: "passkey: POST /passkey/recovery",
		Type: feature.Passkey, ASVS: []string{"6.3.7", "6.4.4", "7.4.3", "16.3.1"}, Needs: []Need{NeedMail}, Run: recoveryByCode,
	},
	{
		Name: "recovery/spaces-hyphens-and-case-do-not-matter", Section: "passkey: POST /passkey/recovery",
		Type: feature.Passkey, Run: recoverySpelling,
	},
	{
		Name: "recovery/a-code-serves-once-of-ten-at-once", Section: "passkey: POST /passkey/recovery",
		Type: feature.Passkey, ASVS: []string{"6.5.1"}, Run: recoveryOnce,
	},
	{
		Name: "recovery/failures-are-alike", Section: "No enumeration: same status, body and time",
		Type: feature.Passkey, ASVS: []string{"6.3.8", "6.6.2"}, Needs: []Need{NeedDB}, Run: recoveryFailures,
	},
	{
		Name: "recovery/new-codes-replace-the-old", Section: "passkey: POST /passkey/recovery/codes",
		Type: feature.Passkey, ASVS: []string{"6.6.2"}, Run: recoveryReplaced,
	},
	{
		Name: "recovery/guesses-are-bounded", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		Type: feature.Passkey, ASVS: []string{"6.3.1", "6.6.3"}, RFC: []string{"RFC 6585 4"}, Run: recoveryThrottle,
	},
	{
		Name: "recovery/bodies-have-a-code-or-a-token", Section: "passkey: POST /passkey/recovery",
		Type: feature.Passkey, ASVS: []string{"16.5.1"}, RFC: []string{"RFC 9110 15.5.21"}, Run: recoveryBodies,
	},
	{
		Name: "recovery/by-mail-is-off", Section: "No enumeration: unless PASSKEY_EMAIL_RECOVERY=true",
		Type: feature.Passkey, ASVS: []string{"6.3.6", "6.4.4"}, Run: recoveryMailOff,
	},
	{
		Name: "recovery/a-mailed-link-signs-in-once", Section: "No enumeration: unless PASSKEY_EMAIL_RECOVERY=true",
		Type: feature.Passkey, ASVS: []string{"6.5.1", "6.6.2"}, Needs: []Need{NeedBoot, NeedMail, NeedDB}, Run: recoveryByMail,
	},
	{
		Name: "recovery/only-who-can-be-recovered-gets-a-mail", Section: "No enumeration: unless PASSKEY_EMAIL_RECOVERY=true",
		Type: feature.Passkey, ASVS: []string{"6.3.8", "6.6.3"}, Needs: []Need{NeedBoot, NeedMail, NeedDB}, Run: recoveryMailedTo,
	},
}

func recoverBy(email, code string) call {
	return post("/passkey/recovery", map[string]any{"email": email, "code": code})
}

func recoverByLink(token string) call {
	return post("/passkey/recovery", map[string]any{"token": token})
}

func recoveryRequest(email string) call {
	return post("/passkey/recovery/request", map[string]any{"email": email})
}

const badRecovery = "Invalid recovery code"

// recoveryCodes are new ones of the bearer of a token.
func (t *T) recoveryCodes(s session) []string {
	fields := t.send(post("/passkey/recovery/codes", nil).as(s.access)).want(http.StatusOK).exactly("codes")
	list, _ := fields["codes"].([]any)
	var codes []string
	for _, one := range list {
		code, _ := one.(string)
		codes = append(codes, code)
		t.target.secrets.add(code)
	}
	if len(codes) != 10 {
		t.Fatalf("there are %d recovery codes, want 10", len(codes))
	}
	return codes
}

var codeForm = regexp.MustCompile(`^[0-9a-f]{4}(-[0-9a-f]{4}){7}$`)

func recoveryCodes(t *T) {
	_, s := t.member()
	all := append(t.recoveryCodes(s), t.recoveryCodes(s)...)
	for _, code := range all {
		if !codeForm.MatchString(code) {
			t.Errorf("a code has another form than eight groups of four hex digits")
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != 20 {
		t.Errorf("twenty codes are not different")
	}
}

func recoveryStored(t *T) {
	acc, s := t.member()
	for _, code := range t.recoveryCodes(s) {
		plain := strings.ReplaceAll(code, "-", "")
		t.wantNowhere("a recovery code", code)
		t.wantNowhere("a recovery code", plain)
		row := t.row("SELECT user_id, purpose FROM auth_tokens WHERE token_hash = ?", sha256Text(plain))
		if row[0] != string(encode(acc.id)) || !strings.HasPrefix(row[1], "recovery_code_") {
			t.Errorf("a recovery code is stored as %v", row)
		}
	}
}

func recoveryRecent(t *T) {
	_, s := t.member()
	t.old(s.id())
	t.send(post("/passkey/recovery/codes", nil).as(s.access)).refused("codes with an old sign-in", http.StatusForbidden, "reauth_required")
}

func recoveryByCode(t *T) {
	acc, s := t.member()
	codes, mark := t.recoveryCodes(s), t.mark()
	t.fresh().send(recoverBy(acc.email, strings.Repeat("0", 32))).want(http.StatusUnauthorized)
	t.wantOf("auth.passkey.recovery_failed", acc.id, mark)
	a := t.fresh().send(recoverBy(strings.ToUpper(acc.email), codes[3])).want(http.StatusOK)
	a.exactly("access_token", "token_type", "expires_in", "refresh_token")
	recovered := t.session(a)
	t.dead("a session of before", s)
	if list := t.sessions(recovered.access); len(list) != 1 || list[0]["method"] != "recovery" {
		t.Errorf("the sessions after a recovery are %v", list)
	}
	k := t.add(acc, recovered, newPasskey(algES256))
	if id := number(t.me(t.present(k).access).want(http.StatusOK).object()["id"]); id != acc.id {
		t.Errorf("the new passkey is of another account")
	}
	t.alive("the recovered session", recovered)
	for _, m := range t.wantMailed(acc, 3, ": recovery codes were made", ": your account was recovered", ": a passkey was added") {
		if slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(m.Raw, code) }) {
			t.Errorf("a mail holds a recovery code")
		}
	}
	t.wantOf("auth.passkey.recovered", acc.id, mark)
}

func recoverySpelling(t *T) {
	acc, s := t.member()
	codes := t.recoveryCodes(s)
	for i, spelled := range []string{
		strings.ToUpper(codes[0]), strings.ReplaceAll(codes[1], "-", ""), strings.ReplaceAll(codes[2], "-", " "), "  " + codes[3] + " ",
		strings.ReplaceAll(codes[4], "-", " - "),
	} {
		t.target.secrets.add(spelled)
		t.send(recoverBy(acc.email, spelled)).expect("spelling "+string(rune('1'+i)), http.StatusOK)
	}
}

func recoveryOnce(t *T) {
	acc, s := t.member()
	code := t.recoveryCodes(s)[0]
	counts := map[int]int{}
	for _, a := range t.together(slices.Repeat([]call{recoverBy(acc.email, code)}, 10)) {
		counts[a.status]++
	}
	if counts[http.StatusOK] != 1 || counts[http.StatusUnauthorized] != 9 {
		t.Errorf("one code ten times at once: %v, want one 200 and nine 401", counts)
	}
	t.fresh().send(recoverBy(acc.email, code)).refused("the code again", http.StatusUnauthorized, badRecovery)
}

func recoveryFailures(t *T) {
	acc, s := t.member()
	codes := t.recoveryCodes(s)
	other, own := t.member()
	theirs := t.recoveryCodes(own)
	none, _ := t.member()
	disabled, gone := t.member()
	lost := t.recoveryCodes(gone)
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, disabled.id)
	used := codes[9]
	recovered := t.session(t.send(recoverBy(acc.email, used)).want(http.StatusOK))
	wrong := t.send(recoverBy(acc.email, strings.Repeat("0", 32))).refused("a wrong code", http.StatusUnauthorized, badRecovery)
	for what, c := range map[string]call{
		"an unknown address": recoverBy(newAccount().email, codes[0]), "another user's code": recoverBy(acc.email, theirs[0]), "a code that was used": recoverBy(acc.email, used),
		"an account without codes": recoverBy(none.email, codes[0]), "a disabled account": recoverBy(disabled.email, lost[0]), "an empty code": recoverBy(acc.email, ""),
		"half a code": recoverBy(acc.email, codes[0][:19]), "no hex": recoverBy(acc.email, strings.Repeat("zzzz-", 8)), "a code and more": recoverBy(acc.email, codes[0]+"0"),
		"the hash of a code": recoverBy(acc.email, sha256Text(strings.ReplaceAll(codes[0], "-", ""))), "a long code": recoverBy(acc.email, strings.Repeat("a", 5000)),
		"wide digits": recoverBy(acc.email, strings.Repeat("\uff10", 32)),
	} {
		a := t.fresh().send(c).refused(what, http.StatusUnauthorized, badRecovery)
		if string(a.body) != string(wrong.body) || a.header.Get("WWW-Authenticate") != wrong.header.Get("WWW-Authenticate") {
			a.errorf("%s is told apart from a wrong code", what)
		}
	}
	t.alive("the recovered session", recovered)
	t.alive("another user's session", own)
	t.send(recoverBy(other.email, theirs[0])).expect("the other user's code afterwards", http.StatusOK)
}

func recoveryReplaced(t *T) {
	acc, s := t.member()
	old := t.recoveryCodes(s)
	fresh := t.recoveryCodes(s)
	for _, code := range old[:3] {
		t.send(recoverBy(acc.email, code)).refused("a code that was replaced", http.StatusUnauthorized, badRecovery)
	}
	t.send(recoverBy(acc.email, fresh[0])).expect("a new one", http.StatusOK)
}

func recoveryThrottle(t *T) {
	acc, s := t.fresh().member()
	codes := t.recoveryCodes(s)
	for range perAccountAndIP {
		t.send(recoverBy(acc.email, strings.Repeat("0", 32))).want(http.StatusUnauthorized)
	}
	t.send(recoverBy(acc.email, codes[0])).expect("a right code past the bound", http.StatusTooManyRequests).wantRetryAfter()
	unknown := newAccount().email
	for range perAccountAndIP {
		t.send(recoverBy(unknown, strings.Repeat("0", 32))).want(http.StatusUnauthorized)
	}
	t.send(recoverBy(unknown, strings.Repeat("0", 32))).expect("an unknown address past the bound", http.StatusTooManyRequests)
	from := t.fresh()
	for _, code := range codes[:3] { // a success is given back
		from.send(recoverBy(acc.email, code)).expect("the code from elsewhere", http.StatusOK)
	}
	from = t.fresh()
	for range perIP {
		from.send(recoverByLink(strings.Repeat("A", 43))).want(http.StatusUnauthorized)
	}
	from.send(recoverByLink(strings.Repeat("A", 43))).expect("the token of a link past the bound", http.StatusTooManyRequests).wantRetryAfter()
}

func recoveryBodies(t *T) {
	acc, s := t.member()
	code := t.recoveryCodes(s)[0]
	for _, body := range []any{
		map[string]any{}, map[string]any{"email": acc.email}, map[string]any{"code": code}, map[string]any{"email": acc.email, "code": code, "token": "x"},
		map[string]any{"email": acc.email, "token": "x"}, map[string]any{"email": acc.email, "code": nil}, map[string]any{"token": nil}, map[string]any{"token": 7},
		map[string]any{"email": acc.email, "code": []string{code}}, map[string]any{"email": "nobody", "code": code}, "[]", "null", "{", "",
	} {
		a := t.fresh().send(post("/passkey/recovery", body)).expect("the body "+quoted(string(encode(body))), http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			a.findings()
		}
	}
	t.send(recoverBy(acc.email, code)).expect("the code afterwards", http.StatusOK)
}

func recoveryMailOff(t *T) {
	acc, _ := t.member()
	t.send(recoveryRequest(acc.email)).expect("asking for a mail", http.StatusNotFound)
	t.send(recoverByLink(newVerifier())).refused("a link's token", http.StatusUnauthorized, badRecovery)
}

func recoveryByMail(t *T) {
	app := t.boot(map[string]string{"PASSKEY_EMAIL_RECOVERY": "true"})
	acc, s := app.pioneer()
	t.exec("UPDATE users SET email_verified_at = created_at WHERE id = ?", acc.id)
	mark := app.mark()
	if a := app.send(recoveryRequest(acc.email)).want(http.StatusAccepted); string(a.body) != "{}" {
		a.errorf("the body is not {}")
	}
	token := app.newestLink(acc.email, 1)
	mail := app.mailsTo(acc.email, 1)[0]
	if address, _, _ := mail.link(); !t.leadsTo(address, "recover") || !t.titled(mail, ": recover your account") {
		t.Errorf("the mail %q leads to %q, want %s", mail.Subject, address, t.linkAddress("recover"))
	}
	app.expiry(acc, "recovery", 30*time.Minute)
	app.alive("a session meanwhile", s)
	recovered := app.session(app.send(recoverByLink(token)).want(http.StatusOK))
	app.dead("a session of before", s)
	app.send(recoverByLink(token)).refused("the link again", http.StatusUnauthorized, badRecovery)
	k := app.add(acc, recovered, newPasskey(algES256))
	app.present(k)
	app.wantOf("auth.passkey.recovered", acc.id, mark)
	// A new link replaces the old one; a late one is none.
	n := len(app.mailsTo(acc.email, 3))
	app.send(recoveryRequest(acc.email)).want(http.StatusAccepted)
	first := app.newestLink(acc.email, n+1)
	app.send(recoveryRequest(acc.email)).want(http.StatusAccepted)
	second := app.newestLink(acc.email, n+2)
	app.send(recoverByLink(first)).refused("a link that was replaced", http.StatusUnauthorized, badRecovery)
	t.send(recoverByLink(second)).refused("a link where recovery by mail is off", http.StatusUnauthorized, badRecovery)
	app.send(recoveryRequest(acc.email)).want(http.StatusAccepted)
	second = app.newestLink(acc.email, n+3)
	t.exec("UPDATE auth_tokens SET expires_at = ? WHERE user_id = ? AND purpose = 'recovery'", t.target.Dialect.stamp(time.Now().Add(-time.Second)), acc.id)
	app.send(recoverByLink(second)).refused("a late link", http.StatusUnauthorized, badRecovery)
}

func recoveryMailedTo(t *T) {
	app := t.boot(map[string]string{"PASSKEY_EMAIL_RECOVERY": "true"})
	unverified, _ := app.pioneer()
	disabled, _ := app.pioneer()
	t.exec("UPDATE users SET email_verified_at = created_at, is_active = ? WHERE id = ?", false, disabled.id)
	unknown := newAccount()
	for what, acc := range map[string]account{"an unverified account": unverified, "a disabled account": disabled, "nobody": unknown} {
		if a := app.send(recoveryRequest(acc.email)).expect(what, http.StatusAccepted); string(a.body) != "{}" {
			a.errorf("%s: the body is not {}", what)
		}
	}
	app.settled()
	for _, acc := range []account{disabled, unknown} {
		app.mailsTo(acc.email, 0)
	}
	app.mailsTo(unverified.email, 0)
	for range perAccountAndIP - 1 {
		app.send(recoveryRequest(unknown.email)).want(http.StatusAccepted)
	}
	app.send(recoveryRequest(unknown.email)).expect("the eleventh mail", http.StatusTooManyRequests).wantRetryAfter()
}
