package conformance

import (
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthIdentityCases = []Case{
	{
		Name: "oauth/a-change-of-email-changes-no-account", Section: "oauth: A later change of e-mail at the provider never changes users.email",
		Type: feature.OAuth, ASVS: []string{"6.8.1", "10.5.2"}, RFC: []string{"OpenID Connect Core 5.7"}, Needs: []Need{NeedDB}, Run: identityEmailChanges,
	},
	{
		Name: "oauth/a-known-identity-needs-no-email", Section: "oauth: The identity is (provider, subject)",
		Type: feature.OAuth, ASVS: []string{"10.5.2"}, RFC: []string{"OpenID Connect Core 5.7"}, Run: identityEmailGone,
	},
	{
		Name: "oauth/name-and-picture-follow-the-provider", Section: "oauth: From each: e-mail, name (discord: username), avatar",
		Type: feature.OAuth, Run: identityProfile,
	},
	{
		Name: "oauth/without-a-verified-email-there-is-no-account", Section: "oauth: No verified e-mail: 403, clear text, no row",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, Needs: []Need{NeedDB}, Run: identityNoEmail,
	},
	{
		Name: "oauth/github-tells-its-private-email", Section: "oauth: GitHub: the primary verified address of /user/emails",
		Type: feature.OAuth, Provider: feature.GitHub, Run: githubPrivate,
	},
	{
		Name: "oauth/github-counts-only-the-primary-verified-email", Section: "oauth: GitHub: the primary verified address of /user/emails",
		Type: feature.OAuth, Provider: feature.GitHub, ASVS: []string{"6.8.1"}, Needs: []Need{NeedDB}, Run: githubPrimary,
	},
	{
		Name: "oauth/github-may-answer-with-a-form", Section: "oauth: github read:user user:email",
		Type: feature.OAuth, Provider: feature.GitHub, Run: githubForm,
	},
	{
		Name: "oauth/discord-avatars-have-three-forms", Section: "oauth: From each: e-mail, name (discord: username), avatar",
		Type: feature.OAuth, Provider: feature.Discord, Run: discordAvatars,
	},
	{
		Name: "oauth/odd-names-and-pictures-are-tamed", Section: "oauth: From each: e-mail, name (discord: username), avatar",
		Type: feature.OAuth, Run: identityOdd,
	},
	{
		Name: "oauth/a-subject-is-compared-to-the-letter", Section: "oauth: The identity is (provider, subject)",
		Type: feature.OAuth, Provider: feature.OIDC, ASVS: []string{"6.8.1", "10.5.2"}, RFC: []string{"OpenID Connect Core 2"}, Run: identitySubjects,
	},
	{
		Name: "oauth/an-odd-subject-is-no-answer", Section: "oauth: The identity is (provider, subject)",
		Type: feature.OAuth, ASVS: []string{"10.5.2"}, RFC: []string{"OpenID Connect Core 2"}, Run: identityOddSubjects,
	},
	{
		Name: "oauth/the-same-subject-elsewhere-is-somebody-else", Section: "oauth: each OpenID issuer its own provider",
		Type: feature.OAuth, ASVS: []string{"6.8.1"}, RFC: []string{"OpenID Connect Core 5.7"}, Run: identityElsewhere,
	},
	{
		Name: "oauth/two-callbacks-at-once-make-one-user", Section: "oauth: GET /callback, /callback/{provider}",
		Type: feature.OAuth, Needs: []Need{NeedDB}, Run: identityRace,
	},
	{
		Name: "oauth/inactive-users-stay-outside", Section: "oauth: GET /callback, /callback/{provider}",
		Type: feature.OAuth, ASVS: []string{"6.3.4", "7.4.2"}, Needs: []Need{NeedDB}, Run: identityInactive,
	},
}

const (
	noEmail  = "The provider has no verified e-mail address of yours"
	taken    = "An account with this e-mail address exists: sign in first, then link"
	inactive = "This account is not active"
)

func identityEmailChanges(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		before := t.browser().enter(p, account).user()
		moved := account
		moved.Email = "moved-" + account.Email
		p.Put(moved)
		after := t.browser().enter(p, moved).user()
		if before["id"] != after["id"] || after["email"] != account.Email {
			t.Errorf("after a change of e-mail at %s: user %v of %v, want %v of %s", p.Name, after["id"], after["email"], before["id"], account.Email)
		}
		if rows := t.identityRows(number(after["id"])); len(rows) != 1 || rows[0][2] != moved.Email {
			t.Errorf("the identity is stored as %v, want the new address", rows)
		}
		// Whoever has the address now is somebody else.
		heir := person(p)
		heir.Email = account.Email
		p.Put(heir)
		b := t.browser()
		b.signIn(p, heir).refused("a reassigned address with a new subject", http.StatusConflict, taken)
		b.outside("a reassigned address with a new subject")
		if len(t.identityRows(number(after["id"]))) != 1 {
			t.Errorf("the heir's identity is on the account")
		}
	}
}

func identityEmailGone(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		id := t.browser().enter(p, account).userID()
		for what, change := range map[string]func(*standin.Account){
			"no longer verified": func(a *standin.Account) { a.Verified = false },
			"gone":               func(a *standin.Account) { a.Email = "" },
		} {
			changed := account
			change(&changed)
			p.Put(changed)
			if b := t.browser(); b.signIn(p, changed).expect("a known identity whose address is "+what, http.StatusSeeOther).status == http.StatusSeeOther && b.userID() != id {
				t.Errorf("a known identity whose address is %s is another user", what)
			}
		}
	}
}

func identityProfile(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		t.browser().enter(p, account)
		account.Name, account.Picture = "New "+account.Name, strings.Replace(account.Picture, ".png", "-2.png", 1)
		if p.Name == string(feature.Discord) {
			account.Username, account.Picture = "new-"+account.Username, "ff00"
		}
		p.Put(account)
		user := t.browser().enter(p, account).user()
		if user["name"] != shownName(p, account) || user["avatar_url"] != avatar(p, account) {
			t.Errorf("after a change at %s name and picture are %v, %v", p.Name, user["name"], user["avatar_url"])
		}
	}
}

func identityNoEmail(t *T) {
	for _, p := range t.providers() {
		for what, change := range map[string]func(*standin.Account){
			"an unverified address":        func(a *standin.Account) { a.Verified = false },
			"no address":                   func(a *standin.Account) { a.Email = "" },
			"an address that is none":      func(a *standin.Account) { a.Email = "nobody" },
			"an address with a line break": func(a *standin.Account) { a.Email = "a\r\nb" + a.Email },
			"two addresses":                func(a *standin.Account) { a.Email += "," + unique() + "@example.com" },
		} {
			account := person(p)
			change(&account)
			p.Put(account)
			b := t.browser()
			b.signIn(p, account).refused(p.Name+" with "+what, http.StatusForbidden, noEmail)
			b.wantNothing(what, account)
		}
	}
	for _, p := range t.openIDs() {
		for what, value := range map[string]any{"the text true": "true", "the number 1": 1, "null": nil, "a list": []bool{true}} {
			account := person(p)
			mend := p.Forge(standin.Claim("email_verified", value))
			b := t.browser()
			a := b.signIn(p, account)
			mend()
			a.expect("email_verified as "+what, http.StatusForbidden, http.StatusBadGateway)
			b.wantNothing("email_verified as "+what, account)
		}
	}
}

func githubPrivate(t *T) {
	p := t.target.Providers.GitHub
	account := person(p)
	account.PrivateEmail, account.Name = true, ""
	p.Put(account)
	user := t.browser().enter(p, account).user()
	if user["email"] != account.Email || user["name"] != account.Username {
		t.Errorf("a private e-mail and no name: %v, %v", user["email"], user["name"])
	}
}

func githubPrimary(t *T) {
	p := t.target.Providers.GitHub
	unverified := person(p)
	unverified.Verified = false
	unverified.MoreEmails = []standin.Email{{Email: unique() + "@example.com", Verified: true}}
	p.Put(unverified)
	b := t.browser()
	b.signIn(p, unverified).refused("a primary address that is not verified", http.StatusForbidden, noEmail)
	b.wantNothing("a primary address that is not verified", unverified)

	account := person(p)
	account.MoreEmails = []standin.Email{{Email: "first-" + account.Email, Verified: true}, {Email: "second-" + account.Email}}
	p.Put(account)
	mend := p.Change(standin.User, func(fields map[string]any) { fields["email"] = "public-" + account.Email })
	defer mend()
	if have := t.browser().enter(p, account).user()["email"]; have != account.Email {
		t.Errorf("the address is %v, want the primary one %s", have, account.Email)
	}
}

func githubForm(t *T) {
	p := t.target.Providers.GitHub
	account := person(p)
	at := t.browser().begin(p)
	path := at.choose(account)
	mend := p.AnswerForms()
	defer mend()
	at.browser.comeBack(path).expect("tokens in a form", http.StatusSeeOther)
}

func discordAvatars(t *T) {
	p := t.target.Providers.Discord
	for picture, want := range map[string]string{
		"8342729096ea3675442027381ff50dfe":   "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png",
		"a_8342729096ea3675442027381ff50dfe": "https://cdn.discordapp.com/avatars/80351110224678912/a_8342729096ea3675442027381ff50dfe.gif",
		"":                                   "https://cdn.discordapp.com/embed/avatars/5.png",
	} {
		account := person(p)
		account.Subject, account.Picture, account.Email = "80351110224678912", picture, "discord@example.com"
		p.Put(account)
		if have := t.browser().enter(p, account).user()["avatar_url"]; have != want {
			t.Errorf("the avatar %q is at %v, want %s", picture, have, want)
		}
	}
}

func identityOdd(t *T) {
	for _, p := range t.providers() {
		for _, name := range []string{"", "a\u0000b", "line\r\nbreak", strings.Repeat("n", 5000), "<script>alert(1)</script>", "名前", "\u202egnp"} {
			account := person(p)
			account.Name, account.Username = name, "u"+name
			if p.Name == string(feature.GitHub) && name == "" {
				account.Username = ""
			}
			p.Put(account)
			b := t.browser()
			if b.signIn(p, account).expect("the name "+quoted(name), http.StatusSeeOther, http.StatusBadGateway).status != http.StatusSeeOther {
				continue
			}
			shown, _ := b.user()["name"].(string)
			if strings.ContainsAny(shown, "\r\n\u0000") || len(shown) > 1024 {
				t.Errorf("the name %s of %s is kept as %s", quoted(name), p.Name, quoted(shown))
			}
		}
		for _, picture := range []string{"", "javascript:alert(1)", "data:image/png;base64,AAAA", "//evil.example/x", "http://pictures.example/x", "https://a\r\nb", "https://pictures.example/" + strings.Repeat("x", 5000), "../../x"} {
			account := person(p)
			account.Picture = picture
			p.Put(account)
			b := t.browser()
			b.signIn(p, account).expect("the picture "+quoted(picture), http.StatusSeeOther)
			shown, _ := b.user()["avatar_url"].(string)
			if shown != "" && (!strings.HasPrefix(shown, "https://") || len(shown) > 2048 || strings.ContainsAny(shown, "\r\n")) {
				t.Errorf("the picture %s of %s is kept as %s", quoted(picture), p.Name, quoted(shown))
			}
		}
	}
}

func identitySubjects(t *T) {
	p := t.target.Providers.OIDC
	ids := map[int64]bool{}
	base := unique()
	subjects := []string{base + "a", base + "A", base + "a ", base + "é", base + "e\u0301", base, strings.Repeat("s", 255-len(base)) + base}
	for _, subject := range subjects {
		account := person(p)
		account.Subject = subject
		p.Put(account)
		ids[t.browser().enter(p, account).userID()] = true
	}
	if len(ids) != len(subjects) {
		t.Errorf("%d subjects are %d users", len(subjects), len(ids))
	}
}

func identityOddSubjects(t *T) {
	for _, p := range t.providers() {
		for _, subject := range []any{nil, "", 0.5, true, []string{"1"}, map[string]any{}, "a\u0000b", "line\nbreak", strings.Repeat("9", 256), "\x7f"} {
			account := person(p)
			path, b := "", t.browser()
			path = b.begin(p).choose(account)
			mend := p.Change(standin.User, func(fields map[string]any) { fields["id"] = subject })
			if openID(p) {
				mend = p.Forge(standin.Claim("sub", subject))
			}
			a := b.comeBack(path)
			mend()
			a.refused("a subject that is none", http.StatusBadGateway, unclear)
			b.wantNothing("a subject that is none", account)
		}
	}
}

func identityElsewhere(t *T) {
	all := t.providers()
	if len(all) < 2 {
		t.alone()
		return
	}
	ids := map[int64]bool{}
	subject := strconv.FormatInt(1e15+mathrand.Int64N(1e15), 10) // digits, as GitHub's and Discord's
	for _, p := range all {
		account := person(p)
		account.Subject = subject
		p.Put(account)
		ids[t.browser().enter(p, account).userID()] = true
	}
	if len(ids) != len(all) {
		t.Errorf("one subject at %d providers is %d users", len(all), len(ids))
	}
}

func identityRace(t *T) {
	for _, p := range t.providers() {
		for range 4 {
			account := person(p)
			var browsers []*browser
			var calls []call
			for range 6 {
				b := t.browser()
				path := b.begin(p).choose(account)
				browsers = append(browsers, b)
				calls = append(calls, get(path).with("Cookie", b.cookies()))
			}
			for i, a := range t.together(calls) {
				a.expect("one of six first sign-ins at once", http.StatusSeeOther)
				browsers[i].keep(a)
			}
			ids := map[int64]bool{}
			for _, b := range browsers {
				ids[b.userID()] = true
			}
			if len(ids) != 1 || t.usersOf(account.Email) != "1" {
				t.Errorf("six first sign-ins at once made %d users", len(ids))
			}
		}
	}
	t.raceOfTwo()
}

// raceOfTwo lets two people with one address come at once.
func (t *T) raceOfTwo() {
	all := t.providers()
	first, second := all[0], all[len(all)-1]
	for range 4 {
		one, other := person(first), person(second)
		other.Email = one.Email
		second.Put(other)
		left, right := t.browser(), t.browser()
		calls := []call{get(left.begin(first).choose(one)).with("Cookie", left.cookies()), get(right.begin(second).choose(other)).with("Cookie", right.cookies())}
		counts := map[int]int{}
		for _, a := range t.together(calls) {
			counts[a.expect("two of one address at once", http.StatusSeeOther, http.StatusConflict).status]++
		}
		if counts[http.StatusSeeOther] != 1 || t.usersOf(one.Email) != "1" {
			t.Errorf("two of one address at once end as %v, with %s users", counts, t.usersOf(one.Email))
		}
	}
}

func identityInactive(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		b := t.browser().enter(p, account)
		id := b.userID()
		t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, id)
		b.outside("an account that was switched off")
		account.Name = "Another name"
		p.Put(account)
		other := t.browser()
		other.signIn(p, account).refused("an inactive user", http.StatusForbidden, inactive)
		if other.cookie(sessionCookie) != "" || t.row("SELECT name FROM users WHERE id = ?", id)[0] == "Another name" {
			t.Errorf("the sign-in of an inactive user changes something")
		}
		n := t.beginNative(p)
		n.browser.comeBack(n.choose(account)).refused("an inactive user of a native app", http.StatusForbidden, inactive)
	}
	t.inactiveByEmail()
}

// inactiveByEmail comes to inactive accounts by their address.
func (t *T) inactiveByEmail() {
	for _, p := range t.providers() {
		for _, verified := range []bool{true, false} {
			account := person(p)
			id := t.stranger(account.Email, verified)
			t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, id)
			b := t.browser()
			b.signIn(p, account).expect("the address of an inactive account", http.StatusForbidden, http.StatusConflict)
			b.outside("the address of an inactive account")
			if len(t.identityRows(id)) > 0 {
				t.Errorf("an identity is on an inactive account")
			}
		}
	}
}

// stranger is an account that was there before the app had providers: without any
// means to sign in, and with or without a verified address.
func (t *T) stranger(email string, verified bool) int64 {
	now := t.target.Dialect.stamp(time.Now())
	values := map[string]any{
		"email": email, "email_key": identityKey(email), "is_active": true, "is_superuser": false, "created_at": now, "updated_at": now,
	}
	if verified {
		values["email_verified_at"] = now
	}
	names := sortedKeys(values)
	var arguments []any
	for _, name := range names {
		arguments = append(arguments, values[name])
	}
	t.insertUser("INSERT INTO users ("+strings.Join(names, ", ")+") VALUES ("+strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")+")", arguments...)
	id, _ := strconv.ParseInt(t.row("SELECT id FROM users WHERE email_key = ?", identityKey(email))[0], 10, 64)
	return id
}

// alone notes that a set of one provider has nothing to tell apart.
func (t *T) alone() {
	if n := len(t.providers()); n != 1 {
		t.Fatalf("%d providers", n)
	}
}
