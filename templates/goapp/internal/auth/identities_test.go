// fastman: file oauth
package auth

import (
	"strings"
	"sync"
	"testing"
)

// Without an address that the provider has verified there is no account.
func TestUnverifiedAddress(t *testing.T) {
	b := newBrowser(t)
	b.signIn(profile{subject: "3"}).want(403)
	b.signIn(profile{subject: "3", email: "no address"}).want(403)
	if b.count("FROM users")+b.count("FROM oauth_accounts") != 0 {
		t.Error("there are rows")
	}
}

// An identity stays its user's when its address changes, and brings a new name along.
func TestAddressChanges(t *testing.T) {
	b := newBrowser(t)
	b.signIn(ann).want(303)
	first := b.me()
	b.signIn(profile{subject: ann.subject, email: "new@tiny.example", name: "Ann Lee"}).want(303)
	if now := b.me(); now.ID != first.ID || now.Email != ann.email || *now.Name != "Ann Lee" {
		t.Errorf("the user is %+v", now)
	}
	// Who gets the old address at the provider gets no account with it.
	b.exec("UPDATE users SET email = 'ann@example.com', email_key = 'ann@example.com'")
	b.another().signIn(profile{subject: "9", email: "ann@example.com"}).want(409)
}

// A verified account is entered by a new identity only where the provider itself gives
// out the address, or all of them are trusted.
func TestSameAddressElsewhere(t *testing.T) {
	b := newBrowser(t)
	b.signIn(bob).want(303)
	other := profile{subject: "7", email: "Bob@example.com"}
	b.another().enter("other", other).want(409)
	b.auth.config.OAuthLinkByEmail = linkVerified
	b.another().enter("other", other).want(303)
	b.wantMail("a way to sign in was added")
	b.auth.config.OAuthLinkByEmail = linkAuthoritative
	b.enter("other", ann).want(303)
	b.another().signIn(profile{subject: "8", email: ann.email}).want(303)
	// The address has changed hands there: it is somebody else's now.
	b.another().signIn(profile{subject: "9", email: ann.email}).want(409)
	if b.count("FROM users") != 2 || b.count("FROM oauth_accounts") != 4 {
		t.Error("there are other accounts")
	}
}

// Whoever opened an account with somebody else's address has no way in left, once that
// somebody signs in.
func TestTakeover(t *testing.T) {
	squatter := newBrowser(t)
	squatter.signIn(bob).want(303)
	squatter.exec("UPDATE users SET email = $1, email_key = $1, hashed_password = 'x', email_verified_at = NULL", ann.email)
	pending := squatter.linking()
	owner := squatter.another()
	owner.signIn(ann).want(303)
	if me := owner.me(); me.ID != 1 || !me.IsVerified || *me.Name != "Ann" {
		t.Errorf("the user is %+v", me)
	}
	squatter.do("GET", "/auth/me").want(401)
	squatter.do("GET", squatter.provider.approve(t, pending, profile{subject: "5"})).want(400)
	if squatter.count("FROM oauth_accounts") != 1 || squatter.count("FROM users WHERE hashed_password IS NOT NULL") != 0 {
		t.Error("a way in is left")
	}
	squatter.wantMail("your address was confirmed")
	squatter.exec("UPDATE oauth_accounts SET subject = subject || 'x' WHERE subject = $1", bob.subject)
	squatter.signIn(bob).want(303) // an account of its own
	if squatter.me().ID == 1 {
		t.Error("the squatter is back")
	}
}

// linking begins to link, and returns the address of the provider.
func (b *browser) linking() string {
	b.Helper()
	return decode[struct{ URL string }](b.do("POST", "/auth/providers/tiny?next=/settings", sameOrigin).want(200)).URL
}

// One more identity opens the same account, until it is taken away; the last one stays.
func TestLinkAndUnlink(t *testing.T) {
	b := newBrowser(t)
	b.enter("other", ann).want(303)
	second := profile{subject: "2"}
	if to := b.do("GET", b.provider.approve(t, b.linking(), second)).want(303).Header().Get("Location"); to != "/settings" {
		t.Errorf("linking leads to %s", to)
	}
	b.do("GET", b.provider.approve(t, b.linking(), second)).want(303)
	b.wantMail("It is Tiny.")
	list := decode[[]publicIdentity](b.do("GET", "/auth/providers").want(200))
	if len(list) != 2 || list[0].Provider != "other" || list[1].Provider != "tiny" || list[1].Email != nil {
		t.Errorf("identities: %+v", list)
	}
	same, again := b.another(), b.another()
	same.signIn(second).want(303)
	again.enter("other", ann).want(303)
	if same.me().ID != b.me().ID {
		t.Error("another user")
	}
	b.do("DELETE", "/auth/providers/other", sameOrigin).want(204)
	b.wantMail("It was Other.")
	b.do("DELETE", "/auth/providers/other", sameOrigin).want(404)
	b.do("DELETE", "/auth/providers/tiny", sameOrigin).want(409)
	again.do("GET", "/auth/me").want(401) // which began with it
	same.me()
	if left := b.me().OAuthProvider; left == nil || *left != "tiny" {
		t.Error("what is left is not named as what the account came by")
	}
}

// To link or unlink, one has to have signed in a moment ago; what links is a session
// that is still there, and nobody else's identity.
func TestLinkingIsGuarded(t *testing.T) {
	b := newBrowser(t)
	b.signIn(bob).want(303)
	b.another().signIn(ann).want(303)
	b.do("GET", b.provider.approve(t, b.linking(), ann)).want(409)
	b.another().do("GET", b.provider.approve(t, b.linking(), profile{subject: "3"})).want(400)
	late := b.provider.approve(t, b.linking(), profile{subject: "3"})
	b.exec("UPDATE auth_sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
	b.do("POST", "/auth/providers/tiny", sameOrigin).want(403)
	b.do("DELETE", "/auth/providers/tiny", sameOrigin).want(403)
	b.do("POST", "/auth/logout", sameOrigin).want(204)
	b.do("GET", late).want(400)
	if b.count("FROM oauth_accounts") != 2 {
		t.Error("an identity was linked")
	}
}

// Who is disabled stays out.
func TestInactiveUser(t *testing.T) {
	b := newBrowser(t)
	b.signIn(ann).want(303)
	b.exec("UPDATE users SET is_active = FALSE")
	b.do("GET", "/auth/me").want(401)
	b.signIn(ann).want(403)
	b.signIn(profile{subject: "4", email: ann.email}).want(403)
}

// However many callbacks of one new user come at once, they make one account.
func TestSignInTogether(t *testing.T) {
	b := newBrowser(t)
	var all sync.WaitGroup
	for i := range 8 {
		tab := b.another()
		back := tab.leave("/auth/login/"+[]string{"tiny", "other"}[i%2], ann) // two identities with one address
		all.Go(func() {
			if answer := tab.do("GET", back); answer.Code != 303 {
				t.Errorf("%d: %s", answer.Code, answer.Body)
			}
		})
	}
	all.Wait()
	if users, identities := b.count("FROM users"), b.count("FROM oauth_accounts"); users != 1 || identities != 2 {
		t.Errorf("%d users, %d identities", users, identities)
	}
}

// What a provider says is shown only where it can be.
func TestCleanProfile(t *testing.T) {
	p, err := profile{subject: "1", name: " A\x00n\nn ", avatarURL: "javascript:alert(1)", email: "Ann@EXAMPLE.com"}.clean(false)
	if err != nil || p.name != "Ann" || p.avatarURL != "" || p.email != "Ann@example.com" {
		t.Errorf("%+v (%v)", p, err)
	}
	long := profile{subject: "1", name: strings.Repeat("\u00e9", 300), avatarURL: "https://example.com/" + strings.Repeat("x", addressMax)}
	if p, _ := long.clean(false); len([]rune(p.name)) != nameMax || p.avatarURL != "" {
		t.Errorf("%+v", p)
	}
	for _, subject := range []string{"", "a\x00", strings.Repeat("x", subjectMax+1)} {
		if _, err := (profile{subject: subject}).clean(false); err == nil {
			t.Errorf("%q is a subject", subject)
		}
	}
}

// fastman: if jwt
// Whoever registers with somebody else's address loses the password to them, and the
// identities: to who signs in with a provider as to who resets the password.
func TestSquattersWithPassword(t *testing.T) {
	b := newBrowser(t)
	token := b.member(ann.email).AccessToken
	b.signIn(ann).want(303)
	b.send("GET", "/me", token, nil).want(401)
	b.login(ann.email, goodPassword).want(401)

	id := b.register(bob.email)
	b.exec(`INSERT INTO oauth_accounts (user_id, provider, subject, created_at) VALUES ($1, 'tiny', '66', '2020-01-01 00:00:00.000000')`, id)
	squatter := b.another()
	squatter.signIn(profile{subject: "66"}).want(303)
	b.send("POST", "/password/forgot", "", object{"email": bob.email}).want(202)
	b.send("POST", "/password/reset", "", object{"token": b.mailed("choose a new password"), "new_password": "a better horse"}).want(204)
	squatter.do("GET", "/auth/me").want(401)
	squatter.signIn(profile{subject: "66"}).want(403)
	b.login(bob.email, "a better horse").want(200)
}

// The last identity can go where there is a password.
func TestUnlinkWithPassword(t *testing.T) {
	b := newBrowser(t)
	b.signIn(ann).want(303)
	b.do("DELETE", "/auth/providers/tiny", sameOrigin).want(409)
	b.exec("UPDATE users SET hashed_password = 'x'")
	b.do("DELETE", "/auth/providers/tiny", sameOrigin).want(204)
}

// fastman: end
