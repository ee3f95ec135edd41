package conformance

import (
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

// Passkeys beside other ways of signing in, and whose they are when an address changes
// hands.
var passkeyWaysCases = []Case{
	{
		Name: "passkey/beside-a-password-the-last-one-may-go", Section: "Last way in: Removing the last means of signing in is 409",
		Type: feature.JWT, ASVS: []string{"6.5.6"}, Needs: []Need{NeedPasskeys}, Run: passkeyBesidePassword,
	},
	{
		Name: "passkey/a-first-password-joins-it", Section: "jwt: first password of an account without one",
		Type: feature.JWT, ASVS: []string{"6.5.6"}, Needs: []Need{NeedPasskeys}, Run: passkeyFirstPassword,
	},
	{
		Name: "passkey/beside-a-provider-either-may-go", Section: "Last way in: Removing the last means of signing in is 409",
		Type: feature.OAuth, ASVS: []string{"6.5.6"}, Needs: []Need{NeedPasskeys}, Run: passkeyBesideProvider,
	},
	{
		Name: "passkey/of-passkey-and-provider-removed-at-once-one-stays", Section: "Last way in: decided under a lock on the user's row",
		Type: feature.OAuth, ASVS: []string{"6.5.6"}, Needs: []Need{NeedPasskeys}, Run: passkeyBesideProviderTogether,
	},
	{
		Name: "passkey/a-password-nothing-takes-is-no-way-in", Section: "Last way in: Removing the last means of signing in is 409",
		Type: feature.Passkey, ASVS: []string{"6.5.6"}, Needs: []Need{NeedDB}, Run: passkeyDeadPassword,
	},
	{
		Name: "passkey/a-providers-proof-takes-a-squatters-away", Section: "Ownership: every other credential, identity and session on it goes",
		Type: feature.OAuth, Needs: []Need{NeedPasskeys, NeedDB}, Run: passkeySquatterProvider,
	},
	{
		Name: "passkey/a-reset-takes-a-squatters-away", Section: "Ownership: every other credential, identity and session on it goes",
		Type: feature.JWT, Needs: []Need{NeedPasskeys, NeedMail, NeedDB}, Run: passkeySquatterReset,
	},
	{
		Name: "passkey/change-and-reset-of-a-password-leave-it", Section: "jwt: POST /password/reset",
		Type: feature.JWT, ASVS: []string{"6.4.3"}, Needs: []Need{NeedPasskeys, NeedMail, NeedDB}, Run: passkeyStaysAtReset,
	},
	{
		Name: "passkey/verifying-by-its-session-keeps-it", Section: "Ownership: the presenting session, or the password given, stays",
		Type: feature.Passkey, Needs: []Need{NeedMail}, Run: passkeyVerifies,
	},
	{
		Name: "passkey/verifying-by-a-password-takes-it-away", Section: "Ownership: every other credential, identity and session on it goes",
		Type: feature.JWT, Needs: []Need{NeedPasskeys, NeedMail}, Run: passkeyVerifiedByPassword,
	},
	{
		Name: "passkey/an-account-without-a-password-gets-no-reset-mail", Section: "No enumeration: No reset mail to an account without a password",
		Type: feature.JWT, ASVS: []string{"6.3.6", "6.4.4"}, Needs: []Need{NeedPasskeys, NeedMail}, Run: passkeyNoReset,
	},
	{
		Name: "passkey/where-registrations-are-hidden-the-link-comes-by-mail", Section: "No enumeration: sign-in needs the verified address",
		Type: feature.JWT, Needs: []Need{NeedPasskeys, NeedBoot, NeedMail}, Run: passkeyHidden,
	},
	{
		Name: "passkey/a-token-of-keycloak-is-no-session", Section: "passkey: registration needs that user's own recent login",
		Type: feature.Keycloak, ASVS: []string{"7.5.1"}, Needs: []Need{NeedPasskeys}, Run: passkeyByKeycloak,
	},
	{
		Name: "passkey/verifying-by-its-session-takes-the-password-away", Section: "Ownership: every other credential, identity and session on it goes",
		Type: feature.JWT, ASVS: []string{"6.3.7"}, Needs: []Need{NeedPasskeys, NeedMail}, Run: passkeyVerifiesBesidePassword,
	},
}

func passkeyBesidePassword(t *T) {
	acc, s := t.member()
	k := t.add(acc, s, newPasskey(algES256))
	if id := number(t.me(t.present(k).access).want(http.StatusOK).object()["id"]); id != acc.id {
		t.Errorf("the passkey signs in to another account")
	}
	t.login(acc.email, acc.password).expect("the password beside a passkey", http.StatusOK)
	t.send(removePasskey(k).as(s.access)).done("removing the only passkey beside a password")
	t.notEntered("the removed passkey", k)
	t.login(acc.email, acc.password).expect("the password afterwards", http.StatusOK)
	t.send(post("/register", map[string]any{"email": func() string { p, _ := t.pioneer(); return p.email }(), "password": acc.password})).
		expect("registering the address of a passkey's account", http.StatusConflict)
}

func passkeyFirstPassword(t *T) {
	acc, s := t.pioneer()
	for _, password := range []string{"x", "null", acc.passkey.handle} {
		t.login(acc.email, password).expect("a password of an account without one", http.StatusUnauthorized)
	}
	t.send(removePasskey(acc.passkey).as(s.access)).expect("the only way in", http.StatusConflict)
	t.send(setTo(s, newPassword)).want(http.StatusNoContent)
	t.login(acc.email, newPassword).expect("the password that was set", http.StatusOK)
	t.present(acc.passkey)
	t.send(removePasskey(acc.passkey).as(s.access)).done("removing the passkey beside the password")
}

func passkeyBesideProvider(t *T) {
	p := t.first()
	acc, s := t.newcomer(p)
	k := t.add(acc, s, newPasskey(algES256))
	t.send(unlinkCall(p.Name).as(s.access)).done("unlinking beside a passkey")
	t.send(removePasskey(k).as(s.access)).refused("the passkey then", http.StatusConflict, "This is the last way to sign in")
	if id := number(t.me(t.present(k).access).want(http.StatusOK).object()["id"]); id != acc.id {
		t.Errorf("the passkey signs in to another account")
	}
	acc, s = t.newcomer(p)
	k = t.add(acc, s, newPasskey(algES256))
	t.send(removePasskey(k).as(s.access)).done("removing a passkey beside a provider")
	t.send(unlinkCall(p.Name).as(s.access)).refused("the provider then", http.StatusConflict, "This is the last way to sign in")
}

func passkeyBesideProviderTogether(t *T) {
	p := t.first()
	for range 6 {
		acc, s := t.newcomer(p)
		k := t.add(acc, s, newPasskey(algES256))
		counts := map[int]int{}
		for _, a := range t.together([]call{unlinkCall(p.Name).as(s.access), removePasskey(k).as(s.access)}) {
			counts[a.status]++
		}
		if counts[http.StatusNoContent] != 1 || counts[http.StatusConflict] != 1 {
			t.Errorf("removing provider and passkey at once: %v", counts)
		}
	}
}

func passkeyDeadPassword(t *T) {
	acc, s := t.pioneer()
	t.exec("UPDATE users SET hashed_password = ? WHERE id = ?", "$2b$04$"+strings.Repeat("a", 53), acc.id)
	a := t.send(removePasskey(acc.passkey).as(s.access))
	if t.target.Set.Has(feature.JWT) {
		a.done("removing a passkey beside a password")
		return
	}
	a.refused("beside a password that nothing takes", http.StatusConflict, "This is the last way to sign in")
}

// stripped expects that a squatter's passkey opens the account no longer, and that
// nothing of it is left there.
func (t *T) stripped(what string, squatter account, k *passkey, begun call) {
	t.notEntered(what+", the squatter's passkey", k)
	if n := t.row("SELECT COUNT(*) FROM passkey_credentials WHERE user_id = ?", squatter.id)[0]; n != "0" {
		t.Errorf("%s: %s passkeys are left", what, n)
	}
	if handle := t.row("SELECT webauthn_handle FROM users WHERE id = ?", squatter.id)[0]; handle != "<null>" {
		t.Errorf("%s: the handle of before is left", what)
	}
	if n := t.row("SELECT COUNT(*) FROM auth_tokens WHERE user_id = ? AND purpose LIKE 'recovery%'", squatter.id)[0]; n != "0" {
		t.Errorf("%s: %s recovery codes are left", what, n)
	}
	t.send(begun).expect(what+", a further passkey that was begun", http.StatusBadRequest, http.StatusUnauthorized)
}

func passkeySquatterProvider(t *T) {
	for _, p := range t.providers() {
		squatter, s := t.pioneer()
		t.send(post("/passkey/recovery/codes", nil).as(s.access)).want(http.StatusOK)
		begun := t.adding(squatter, s, newPasskey(algES256))
		b := t.browser().enter(p, someoneWith(p, squatter.email))
		if user := b.user(); number(user["id"]) != squatter.id || user["is_verified"] != true {
			t.Errorf("the owner's first sign-in with %s ends in the account %v", p.Name, user)
		}
		t.dead("the squatter's session", s)
		t.stripped("a sign-in with "+p.Name, squatter, squatter.passkey, begun)
	}
}

func passkeySquatterReset(t *T) {
	squatter, s := t.member()
	k := t.add(squatter, s, newPasskey(algES256))
	t.send(post("/passkey/recovery/codes", nil).as(s.access)).want(http.StatusOK)
	begun := t.adding(squatter, s, newPasskey(algES256))
	known := len(t.mailsTo(squatter.email, 2)) // of the passkey and the codes
	t.reset(t.resetLink(squatter, known+1), newPassword).want(http.StatusNoContent)
	t.stripped("a reset", squatter, k, begun)
}

func passkeyStaysAtReset(t *T) {
	acc, s := t.member()
	t.exec("UPDATE users SET email_verified_at = created_at WHERE id = ?", acc.id)
	k := t.add(acc, s, newPasskey(algES256))
	t.change(s, acc.password, newPassword).want(http.StatusNoContent)
	t.present(k)
	t.reset(t.resetLink(acc, len(t.mailsTo(acc.email, 2))+1), "another "+newPassword).want(http.StatusNoContent)
	t.present(k)
}

func passkeyVerifies(t *T) {
	acc, s := t.pioneer()
	other := t.present(acc.passkey)
	t.send(verifyWith(t.verifyLink(acc, s, 1)).as(s.access)).want(http.StatusNoContent)
	if !t.verified(s) {
		t.Errorf("the address is not verified")
	}
	t.dead("who signed in before the address was proved", other)
	t.present(acc.passkey)
}

func passkeyVerifiedByPassword(t *T) {
	acc, s := t.member()
	k := t.add(acc, s, newPasskey(algES256))
	link := t.verifyLink(acc, s, len(t.mailsTo(acc.email, 1))+1)
	t.send(verifyWith(link).as(s.access)).want(http.StatusNoContent)
	t.alive("the session that verified", s)
	t.notEntered("a passkey of before the address was proved", k)
}

func passkeyNoReset(t *T) {
	acc, _ := t.pioneer()
	t.send(forgot(acc.email)).want(http.StatusAccepted)
	t.settled()
	t.mailsTo(acc.email, 0)
}

func passkeyHidden(t *T) {
	app := t.boot(map[string]string{"AUTH_REVEAL_REGISTERED": "false"})
	acc, s := app.pioneer()
	app.send(verifyWith(app.newestLink(acc.email, 1)).as(s.access)).want(http.StatusNoContent)
	if !app.verified(s) {
		t.Errorf("the link does not verify the address")
	}
	app.present(acc.passkey)
}

func passkeyByKeycloak(t *T) {
	arrived := t.arrival().claim("auth_time", secondsFrom(0))
	email, _ := arrived.claims["email"].(string)
	id, fresh, k := t.userOf(arrived), t.sealed(arrived), newPasskey(algES256)
	t.send(registerOptions(email).as(fresh)).refused("options for one's own address", http.StatusForbidden, "reauth_required")
	o := t.offer(registerOptions(email))
	t.send(registerVerify(email, k.create(o.challenge, o.handle)).as(fresh)).refused("a passkey for one's own address", http.StatusForbidden, "reauth_required")
	t.notEntered("the passkey", k)
	if n := len(t.passkeys(fresh)); n != 0 {
		t.Errorf("user %d has %d passkeys", id, n)
	}
	t.send(post("/passkey/recovery/codes", nil).as(fresh)).expect("recovery codes after a recent sign-in", http.StatusOK)
	t.send(post("/passkey/recovery/codes", nil).as(t.sealed(arrived.claim("auth_time", secondsFrom(-11*time.Minute))))).
		refused("recovery codes after an old one", http.StatusForbidden, "reauth_required")
	if t.target.Set.UI() {
		t.challenged("a session by cookie", t.send(post("/ui/session", nil).as(fresh).own()))
	}
}

func passkeyVerifiesBesidePassword(t *T) {
	acc, squatter := t.member()
	k := t.add(acc, squatter, newPasskey(algES256))
	own := t.present(k)
	link := t.verifyLink(acc, own, len(t.mailsTo(acc.email, 1))+1)
	t.send(verifyWith(link).as(own.access)).want(http.StatusNoContent)
	t.alive("the session that verified", own)
	t.present(k)
	t.dead("a session that began with the password", squatter)
	t.login(acc.email, acc.password).expect("a password of before the address was proved", http.StatusUnauthorized)
	t.toldOfTakeover(acc.email, 3)
}
