package conformance

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// account is a user that a case has made for itself: one who registered with a password
// or, where the app has none, came from its first provider or with a passkey.
type account struct {
	id                        int64
	email, username, password string
	identity                  standin.Account
	passkey                   *passkey
}

// session is a sign-in of an account.
type session struct {
	access, refresh string
	header, claims  map[string]any // of the access token
}

// unique is a name that no other case and no earlier run has used.
func unique() string { return "c" + strings.ToLower(rand.Text()[:14]) }

// newAccount makes up an account that is not registered yet.
func newAccount() account {
	name := unique()
	return account{
		email:    name + "@example.com",
		username: "u." + name,
		password: "correct horse " + unique(),
	}
}

func (acc account) registration() map[string]any {
	return map[string]any{"email": acc.email, "username": acc.username, "password": acc.password}
}

// register signs up a new account.
func (t *T) register() account { return t.registerAs(newAccount()) }

// registerWith signs up a new account with that password.
func (t *T) registerWith(password string) account {
	acc := newAccount()
	acc.password = password
	return t.registerAs(acc)
}

func (t *T) registerAs(acc account) account {
	fields := t.send(post("/register", acc.registration())).want(http.StatusCreated).object()
	id, _ := fields["id"].(json.Number)
	acc.id, _ = strconv.ParseInt(id.String(), 10, 64)
	return acc
}

// tryRegister answers the sign-up of somebody new with that password.
func (t *T) tryRegister(password string) *answer {
	acc := newAccount()
	acc.password = password
	return t.send(post("/register", acc.registration()))
}

func loginForm(username, password string) call {
	return postForm("/login", "username", username, "password", password)
}

func (t *T) login(username, password string) *answer {
	return t.send(loginForm(username, password))
}

// signIn logs the account in.
func (t *T) signIn(acc account) session {
	switch t.made() {
	case feature.Passkey:
		return t.present(acc.passkey)
	case feature.OAuth:
		return t.signInNatively(t.first(), acc.identity)
	}
	return t.session(t.login(acc.email, acc.password).want(http.StatusOK))
}

// session reads a Token answer.
func (t *T) session(a *answer) session {
	fields := a.object()
	s := session{}
	s.access, _ = fields["access_token"].(string)
	s.refresh, _ = fields["refresh_token"].(string)
	var err error
	if s.header, s.claims, err = parseToken(s.access); err != nil {
		a.fatalf("the access token: %v", err)
	}
	return s
}

// member is a new account, signed in.
func (t *T) member() (account, session) {
	switch t.made() {
	case feature.Passkey:
		return t.pioneer()
	case feature.OAuth:
		return t.newcomer(t.first())
	}
	acc := t.register()
	return acc, t.signIn(acc)
}

// made is the type by which the set's accounts are made where a case does not care.
func (t *T) made() feature.Type {
	for _, typ := range []feature.Type{feature.JWT, feature.OAuth} {
		if t.target.Set.Has(typ) {
			return typ
		}
	}
	return feature.Passkey
}

// unverified is a new account, signed in, whose address is not proved.
func (t *T) unverified() (account, session) {
	acc, s := t.member()
	if t.made() == feature.OAuth {
		t.exec("UPDATE users SET email_verified_at = NULL WHERE id = ?", acc.id)
	}
	return acc, s
}

// method is what the rows call the way in which members sign in.
func (t *T) method() string {
	switch t.made() {
	case feature.Passkey:
		return "passkey"
	case feature.OAuth:
		return t.first().Name
	}
	return "password"
}

func (s session) id() string {
	id, _ := s.claims["sid"].(string)
	return id
}

// as is the call made by the bearer of an access token.
func (c call) as(token string) call { return c.with("Authorization", "Bearer "+token) }

func me(token string) call { return get("/me").as(token) }

// me asks who the bearer of token is.
func (t *T) me(token string) *answer { return t.send(me(token)) }

func refreshWith(token any) call { return post("/refresh", map[string]any{"refresh_token": token}) }

// refresh asks for new tokens.
func (t *T) refresh(token string) *answer { return t.send(refreshWith(token)) }

// refreshCounter is how often the session was refreshed, -1 when its refresh token has
// another form.
func refreshCounter(s session) int {
	_, counter, _, err := splitRefresh(s.refresh)
	if err != nil {
		return -1
	}
	return counter
}

// renew is the session with the tokens that a refresh gives.
func (t *T) renew(s session) session { return t.session(t.refresh(s.refresh).want(http.StatusOK)) }

func (t *T) logOut(token string) *answer { return t.send(post("/logout", nil).as(token)) }

// alive expects that both tokens of a session serve, and refreshes it.
func (t *T) alive(what string, s session) {
	t.me(s.access).expect("the access token of "+what, http.StatusOK)
	t.refresh(s.refresh).expect("the refresh token of "+what, http.StatusOK)
}

// dead expects that neither token of a session serves.
func (t *T) dead(what string, s session) {
	t.me(s.access).expect("the access token of "+what, http.StatusUnauthorized)
	t.refresh(s.refresh).expect("the refresh token of "+what, http.StatusUnauthorized)
}

// sessionRows counts the rows of a session: one, or none once it has ended.
func (t *T) sessionRows(s session) string {
	return t.row("SELECT COUNT(*) FROM auth_sessions WHERE id = ?", s.id())[0]
}

// age moves a time of a session's row to so long ago.
func (t *T) age(s session, column string, by time.Duration) {
	at := t.target.Dialect.stamp(time.Now().Add(-by))
	t.exec("UPDATE auth_sessions SET "+column+" = ? WHERE id = ?", at, s.id())
}

// fresh is the same case from another address.
func (t *T) fresh() *T {
	other := *t
	other.source = newSource(t.target.URL)
	t.defers(other.source.close)
	return &other
}
