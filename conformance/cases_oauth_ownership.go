package conformance

import (
	"net/http"
	"slices"
	"strings"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthOwnershipCases = []Case{
	{
		Name: "oauth/the-address-of-an-account-does-not-enter-it", Section: "oauth: else 409 \"sign in first, then link\"",
		Type: feature.OAuth, ASVS: []string{"6.8.1", "10.5.2"}, RFC: []string{"OpenID Connect Core 5.7"}, Needs: []Need{NeedDB}, Run: ownershipTaken,
	},
	{
		Name: "oauth/google-is-authoritative-for-its-own-addresses", Section: "oauth: Google with gmail.com or hd",
		Type: feature.OAuth, Provider: feature.Google, ASVS: []string{"6.8.1"}, Needs: []Need{NeedDB}, Run: ownershipGoogle,
	},
	{
		Name: "oauth/nobody-else-is-authoritative", Section: "oauth: only where the provider is authoritative for the address",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, Needs: []Need{NeedDB}, Run: ownershipOthers,
	},
	{
		Name: "oauth/a-reassigned-address-enters-no-account", Section: "oauth: only where the provider is authoritative for the address",
		Type: feature.OAuth, Provider: feature.Google, ASVS: []string{"6.8.1", "10.5.2"}, RFC: []string{"OpenID Connect Core 5.7"},
		Needs: []Need{NeedDB}, Run: ownershipReassigned,
	},
	{
		Name: "oauth/linking-by-any-verified-email-can-be-switched-on", Section: "oauth: OAUTH_LINK_BY_EMAIL=verified",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, Needs: []Need{NeedDB, NeedBoot}, Run: ownershipVerified,
	},
	{
		Name: "oauth/a-squatters-account-is-taken-over", Section: "Ownership: takes it over",
		Type: feature.JWT, ASVS: []string{"6.3.7", "16.3.1"}, Needs: []Need{NeedDB, NeedMail, NeedOutput, NeedProviders}, Run: ownershipSquatter,
	},
	{
		Name: "oauth/an-unverified-account-is-taken-over", Section: "Ownership: An unverified account does not own its address",
		Type: feature.OAuth, ASVS: []string{"16.3.1"}, Needs: []Need{NeedDB, NeedOutput}, Run: ownershipUnverified,
	},
	{
		Name: "oauth/a-reset-removes-a-squatters-identity", Section: "Ownership: every other credential, identity and session on it goes",
		Type: feature.JWT, Needs: []Need{NeedDB, NeedMail, NeedProviders}, Run: ownershipReset,
	},
	{
		Name: "oauth/a-password-account-cannot-be-entered-by-its-address", Section: "oauth: else 409 \"sign in first, then link\"",
		Type: feature.JWT, ASVS: []string{"6.8.1", "10.5.2"}, RFC: []string{"OpenID Connect Core 5.7"},
		Needs: []Need{NeedDB, NeedProviders}, Run: ownershipPassword,
	},
	{
		Name: "oauth/an-account-of-a-provider-has-no-password", Section: "No enumeration: No reset mail to an account without a password",
		Type: feature.JWT, ASVS: []string{"6.3.4", "6.4.3"}, Needs: []Need{NeedMail, NeedProviders}, Run: ownershipNoPassword,
	},
	{
		Name: "oauth/verifying-keeps-the-way-in-that-it-was-done-by", Section: "Ownership: every other credential, identity and session on it goes",
		Type: feature.JWT, ASVS: []string{"6.3.7"}, Needs: []Need{NeedMail, NeedProviders}, Run: ownershipVerify,
	},
}

// someoneWith is an account at a provider with that address.
func someoneWith(p *standin.Provider, email string, change ...func(*standin.Account)) standin.Account {
	account := person(p)
	account.Email = email
	for _, f := range change {
		f(&account)
	}
	return p.Put(account)
}

func hosted(account *standin.Account) { account.HostedDomain = "example.com" }

// wantTaken expects that an address does not lead into the account that has it.
func (t *T) wantTaken(what string, p *standin.Provider, account standin.Account, owner int64) {
	b := t.browser()
	before := t.row("SELECT * FROM users WHERE id = ?", owner)
	b.signIn(p, account).refused(what, http.StatusConflict, taken)
	b.outside(what)
	n := t.beginNative(p)
	n.browser.comeBack(n.choose(account)).refused(what+", by a native app", http.StatusConflict, taken)
	if after := t.row("SELECT * FROM users WHERE id = ?", owner); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("%s: the account has changed", what)
	}
	if t.row("SELECT COUNT(*) FROM oauth_accounts WHERE user_id = ? AND subject = ?", owner, account.Subject)[0] != "0" {
		t.Errorf("%s: the identity is on the account", what)
	}
}

func ownershipTaken(t *T) {
	for _, p := range t.providers() {
		for what, respell := range map[string]func(string) string{
			"the address": func(s string) string { return s }, "the address in capitals": strings.ToUpper,
		} {
			email := newAccount().email
			owner := t.stranger(email, true)
			t.wantTaken(p.Name+" with "+what+" of an account", p, someoneWith(p, respell(email)), owner)
		}
		// One that another provider has made.
		for _, other := range t.providers() {
			if other == p {
				continue
			}
			account := person(other)
			id := t.browser().enter(other, account).userID()
			t.wantTaken(p.Name+" with the address of an account of "+other.Name, p, someoneWith(p, account.Email), id)
		}
	}
}

func ownershipGoogle(t *T) {
	p := t.target.Providers.Google
	for what, account := range map[string]standin.Account{
		"an address of gmail.com":       someoneWith(p, unique()+"@gmail.com"),
		"an address of gmail.com, loud": someoneWith(p, unique()+"@GMAIL.com"),
		"an address of a Workspace":     someoneWith(p, newAccount().email, hosted),
	} {
		owner := t.stranger(account.Email, true)
		b := t.browser()
		b.signIn(p, account).expect(what, http.StatusSeeOther)
		if id := b.userID(); id != owner {
			t.Errorf("%s enters account %d, want its owner's %d", what, id, owner)
		}
		if t.target.Mail != nil {
			if mails := t.mailsTo(account.Email, 1); !t.titled(mails[0], "a way to sign in was added") {
				t.Errorf("%s is linked with the mail %q", what, mails[0].Subject)
			}
		}
		unverified := someoneWith(p, unique()+"@gmail.com", hosted, func(a *standin.Account) { a.Verified = false })
		t.stranger(unverified.Email, true)
		t.browser().signIn(p, unverified).refused(what+" that is not verified", http.StatusForbidden, noEmail)
	}
	for _, domain := range []string{"gmail.com.evil.example", "notgmail.com", "mail.gmail.com", "gmail.co", "example.com"} {
		account := someoneWith(p, unique()+"@"+domain)
		t.wantTaken("an address of "+domain, p, account, t.stranger(account.Email, true))
	}
	local := someoneWith(p, "gmail.com."+unique()+"@example.com")
	t.wantTaken("gmail.com before the @", p, local, t.stranger(local.Email, true))
	empty := person(p)
	mend := p.Forge(standin.Claim("hd", ""))
	defer mend()
	t.wantTaken("an empty hd", p, empty, t.stranger(empty.Email, true))
}

func ownershipOthers(t *T) {
	for _, p := range t.providers() {
		if p.Name == string(feature.Google) {
			continue
		}
		gmail := someoneWith(p, unique()+"@gmail.com", hosted)
		if openID(p) {
			mend := p.Forge(standin.Claim("hd", "gmail.com"))
			defer mend()
		}
		t.wantTaken(p.Name+" with an address of gmail.com", p, gmail, t.stranger(gmail.Email, true))
	}
	for _, p := range t.openIDs() {
		if p.Name == string(feature.Google) {
			// hd counts in the id_token only, which is signed.
			account := person(p)
			t.wantTaken("Google without hd", p, account, t.stranger(account.Email, true))
		}
	}
}

func ownershipReassigned(t *T) {
	p := t.target.Providers.Google
	for _, email := range []string{newAccount().email, unique() + "@gmail.com"} {
		former := someoneWith(p, email, hosted)
		owner := t.browser().enter(p, former).userID()
		heir := someoneWith(p, email, hosted)
		t.wantTaken("the heir of an address of Google", p, heir, owner)
		b := t.browser().enter(p, former)
		if b.userID() != owner {
			t.Errorf("the former holder of an address is another user")
		}
	}
}

func ownershipVerified(t *T) {
	app := t.boot(map[string]string{"OAUTH_LINK_BY_EMAIL": "verified"})
	for _, p := range app.providers() {
		account := person(p)
		owner := app.stranger(account.Email, true)
		b := app.browser()
		b.signIn(p, account).expect("a verified address, which was allowed to link", http.StatusSeeOther)
		if b.userID() != owner {
			t.Errorf("a verified address of %s enters another account", p.Name)
		}
		app.wantTaken("a second subject with the address, even so", p, someoneWith(p, account.Email), owner)
		doubtful := someoneWith(p, newAccount().email, func(a *standin.Account) { a.Verified = false })
		app.stranger(doubtful.Email, true)
		app.browser().signIn(p, doubtful).refused("an unverified address, even so", http.StatusForbidden, noEmail)
	}
}

func ownershipSquatter(t *T) {
	for _, p := range t.providers() {
		squatter, s := t.member()
		own := person(p)
		t.link(s, p, own)
		known := len(t.mailsTo(squatter.email, 1)) // of the link
		link := t.verifyLink(squatter, s, known+1)
		planted, native := t.beginLink(s, p), t.beginNative(p)
		code := native.code(own)
		before := len(t.target.Output())

		owner := someoneWith(p, squatter.email)
		b := t.browser().enter(p, owner)
		user := b.user()
		if number(user["id"]) != squatter.id || user["is_verified"] != true || user["oauth_provider"] != p.Name {
			t.Errorf("the owner's first sign-in with %s ends in the account %v", p.Name, user)
		}
		t.dead("the squatter's session", s)
		t.login(squatter.email, squatter.password).expect("the squatter's password", http.StatusUnauthorized)
		if rows := t.identityRows(squatter.id); len(rows) != 1 || rows[0][1] != owner.Subject {
			t.Errorf("after the takeover the identities are %v", rows)
		}
		evil := t.browser()
		evil.signIn(p, own).want(http.StatusSeeOther)
		if evil.userID() == squatter.id {
			t.Errorf("the squatter's identity still leads into the account")
		}
		t.send(verifyByPasswordWith(link, squatter.password)).expect("the squatter's link", http.StatusBadRequest, http.StatusUnauthorized)
		planted.browser.comeBack(planted.choose(person(p))).refused("a link that the squatter began", http.StatusBadRequest, badState)
		t.send(exchangeCode(code, native.verifier)).expect("the code of an app that the squatter signed in to", http.StatusBadRequest)
		if !strings.Contains(t.events(before, "auth.account.takeover"), "auth.account.takeover") {
			t.Errorf("the takeover is not in the log")
		}
		t.toldOfTakeover(squatter.email, known+2)
	}
}

// toldOfTakeover expects that one of the n mails to an address says what happened.
func (t *T) toldOfTakeover(address string, n int) {
	mails := t.mailsTo(address, n)
	if !slices.ContainsFunc(mails, func(m Mail) bool { return t.titled(m, "your address was confirmed") }) {
		t.Errorf("the takeover is told by none of %q", subjects(mails))
	}
}

func ownershipUnverified(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		old := t.stranger(account.Email, false)
		before := len(t.target.Output())
		b := t.browser()
		b.signIn(p, account).expect("the address of an unverified account", http.StatusSeeOther)
		if user := b.user(); number(user["id"]) != old || user["is_verified"] != true {
			t.Errorf("the owner of an unverified account comes out as %v", user)
		}
		if !strings.Contains(t.events(before, "auth.account.takeover"), "auth.account.takeover") {
			t.Errorf("the takeover is not in the log")
		}
	}
}

func ownershipReset(t *T) {
	p := t.first()
	squatter, s := t.member()
	own := person(p)
	t.link(s, p, own)
	planted := t.beginLink(s, p)
	n := len(t.mailsTo(squatter.email, 1))
	t.reset(t.resetLink(squatter, n+1), newPassword).want(http.StatusNoContent)
	if rows := t.identityRows(squatter.id); len(rows) != 0 {
		t.Errorf("after the owner's reset the squatter's identity is still there: %v", rows)
	}
	planted.browser.comeBack(planted.choose(own)).refused("a link that the squatter began", http.StatusBadRequest, badState)
	b := t.browser().enter(p, own)
	if b.userID() == squatter.id {
		t.Errorf("the squatter's identity still leads into the account")
	}
}

func ownershipPassword(t *T) {
	for _, p := range t.providers() {
		acc, s := t.member()
		t.exec("UPDATE users SET email_verified_at = created_at WHERE id = ?", acc.id)
		t.wantTaken("the address of a verified password account at "+p.Name, p, someoneWith(p, acc.email), acc.id)
		t.alive("the owner's session", s)
		t.login(acc.email, acc.password).expect("the owner's password", http.StatusOK)
	}
}

func ownershipNoPassword(t *T) {
	p := t.first()
	account := person(p)
	b := t.browser().enter(p, account)
	for _, password := range []string{"", "x", account.Subject, "<null>", "null"} {
		t.login(account.Email, password).expect("a password of an account without one", http.StatusUnauthorized, http.StatusUnprocessableEntity)
	}
	t.send(post("/register", map[string]any{"email": account.Email, "password": "correct horse " + unique()})).expect("a registration of its address", http.StatusConflict)
	t.send(forgot(account.Email)).want(http.StatusAccepted)
	t.settled()
	t.mailsTo(account.Email, 0)
	b.send(post("/password/set", map[string]any{"new_password": newPassword}).own()).want(http.StatusNoContent)
	t.login(account.Email, newPassword).expect("the password that was set", http.StatusOK)
	b.me().expect("the session that set it", http.StatusOK)
}

func ownershipVerify(t *T) {
	for _, p := range t.providers() {
		acc, s := t.member()
		own := person(p)
		t.link(s, p, own)
		planted := t.beginLink(s, p)
		link := t.verifyLink(acc, s, len(t.mailsTo(acc.email, 1))+1)
		t.send(verifyWith(link).as(s.access)).want(http.StatusNoContent)
		t.login(acc.email, acc.password).expect("the password whose session verified", http.StatusOK)
		if have := t.identities(s.access); len(have) != 0 {
			t.Errorf("after it was verified by a password the account has the identities %v", have)
		}
		planted.browser.comeBack(planted.choose(person(p))).refused("a link that was begun before", http.StatusBadRequest, badState)

		acc, s = t.member()
		own = person(p)
		t.link(s, p, own)
		entered := t.signInNatively(p, own)
		link = t.verifyLink(acc, entered, len(t.mailsTo(acc.email, 1))+1)
		t.send(verifyWith(link).as(entered.access)).want(http.StatusNoContent)
		t.alive("the session from "+p.Name+" that verified", entered)
		if id := number(t.me(t.signInNatively(p, own).access).want(http.StatusOK).object()["id"]); id != acc.id {
			t.Errorf("%s leads into another account once its session has verified the address", p.Name)
		}
		t.dead("a session that began with the password", s)
		t.login(acc.email, acc.password).expect("a password of before the address was proved", http.StatusUnauthorized)
		t.toldOfTakeover(acc.email, 3)
	}
}
