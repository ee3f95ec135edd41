// fastman: file keycloak and jwt or oauth or passkey
package auth

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// newKeycloakApp is an app whose users come from a realm, too.
func newKeycloakApp(t *testing.T, change ...func(*Config)) (*app, *realm) {
	t.Helper()
	r := newRealm(t)
	a := newApp(t, append(change, func(c *Config) {
		c.Keycloak = KeycloakConfig{URL: "http://keycloak.example", Realm: "test", ClientID: "app"}
	})...)
	fresh := newRealmKeys(realmIssuer, nil, a.auth.log)
	fresh.client.Transport = r
	a.auth.keycloak.keys.close() // which has begun to look for a realm on the internet
	a.auth.keycloak.keys = fresh
	return a, r
}

// signedIn returns a token of this app's own for a new account.
func (a *app) signedIn(email string, verified bool) (userID int64, accessToken string) {
	a.Helper()
	a.exec(`INSERT INTO users (email, email_key, hashed_password, is_active, is_superuser, email_verified_at, created_at, updated_at)
		VALUES ($1, $1, 'none', TRUE, FALSE, CASE WHEN $2 THEN '2026-01-01 00:00:00.000000' END, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')`, email, verified)
	if err := a.db.QueryRow("SELECT id FROM users WHERE email_key = $1", email).Scan(&userID); err != nil {
		a.Fatal(err)
	}
	opened, err := a.auth.openSession(a.Context(), conn{a.db, sqliteDialect}, &User{ID: userID}, "password", client{})
	if err != nil {
		a.Fatal(err)
	}
	tokens, err := a.auth.issueTokens(opened)
	if err != nil {
		a.Fatal(err)
	}
	return userID, tokens.AccessToken
}

// Who comes with a token of Keycloak for the first time gets an account, which stays
// theirs; the same routes take this app's own tokens.
func TestKeycloakMakesAnAccount(t *testing.T) {
	a, _ := newKeycloakApp(t)
	token := goodToken().String()
	mine := decode[publicUser](a.send("GET", "/me", token, nil).want(200))
	if mine.Email != "ann@example.com" || !mine.IsVerified || *mine.Name != "Ann" || mine.Username != nil || *mine.OAuthProvider != "keycloak" || strings.Join(mine.Roles, " ") != "admin editor staff" {
		t.Errorf("%+v", mine)
	}
	again := decode[publicUser](a.send("GET", "/me", goodToken().with("email", "new@example.com").String(), nil).want(200))
	if again.ID != mine.ID || again.Email != mine.Email || a.count("FROM users") != 1 || a.count("FROM oauth_accounts WHERE provider = '"+realmIssuer+"' AND email = 'ann@example.com' AND last_used_at IS NOT NULL") != 1 {
		t.Errorf("%+v", again)
	}
	if lines := strings.Count(a.log.String(), "auth.keycloak.user user_id=1"); lines != 1 {
		t.Errorf("%d lines: %s", lines, a.log)
	}
	_, own := a.signedIn("bob@example.com", true)
	if body := a.send("GET", "/me", own, nil).want(200).Body.String(); !strings.HasSuffix(body, `,"roles":[]}`) {
		t.Error(body)
	}
	a.exec("UPDATE users SET is_active = FALSE")
	a.send("GET", "/me", token, nil).want(401)
	a.send("GET", "/me", own, nil).want(401)
}

// Who is unverified at Keycloak is unverified here; without an address there is no account.
func TestKeycloakAddresses(t *testing.T) {
	a, _ := newKeycloakApp(t)
	for _, email := range []any{nil, "no address", 7} {
		refused := a.send("GET", "/me", goodToken().with("email", email).String(), nil).want(403)
		if refused.Body.String() != `{"detail":"Keycloak has no e-mail address of yours"}` {
			t.Error(refused.Body)
		}
	}
	mine := decode[publicUser](a.send("GET", "/me", goodToken().with("email_verified", "true").String(), nil).want(200))
	if mine.IsVerified || a.count("FROM oauth_accounts WHERE email IS NULL") != 1 {
		t.Errorf("%+v", mine)
	}
}

// An address opens no account that somebody has verified, nor any to whom Keycloak has not
// verified it. An account that nobody has verified goes to whom Keycloak has.
func TestKeycloakTakenAddress(t *testing.T) {
	const taken = `{"detail":"An account with this e-mail address exists: sign in first, then link"}`
	a, _ := newKeycloakApp(t)
	_, verified := a.signedIn("ann@example.com", true)
	if body := a.send("GET", "/me", goodToken().String(), nil).want(409).Body.String(); body != taken {
		t.Error(body)
	}
	a.send("GET", "/me", verified, nil).want(200)
	id, squatter := a.signedIn("eve@example.com", false)
	token := goodToken().with("email", "EVE@example.com").with("sub", "eve")
	a.send("GET", "/me", token.with("email_verified", false).String(), nil).want(409)
	a.send("GET", "/me", squatter, nil).want(200)
	mine := decode[publicUser](a.send("GET", "/me", token.String(), nil).want(200))
	if mine.ID != id || !mine.IsVerified || a.count("FROM users WHERE hashed_password IS NULL") != 1 {
		t.Errorf("%+v", mine)
	}
	a.send("GET", "/me", squatter, nil).want(401)
	a.wantMail("eve@example.com")
	if !strings.Contains(a.log.String(), "auth.account.takeover") {
		t.Error(a.log)
	}
}

// Requests that come together for the first time make one account, and all are let in.
func TestKeycloakTogether(t *testing.T) {
	a, _ := newKeycloakApp(t)
	token := goodToken().String()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if w := a.send("GET", "/me", token, nil); w.Code != 200 {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if users := a.count("FROM users"); users != 1 {
		t.Errorf("%d users", users)
	}
}

// What Keycloak says of somebody is brought up to date once in a while.
func TestKeycloakProfileFollows(t *testing.T) {
	a, _ := newKeycloakApp(t)
	a.send("GET", "/me", goodToken().String(), nil).want(200)
	married := goodToken().with("name", "Ann B.").with("email", "ann.b@example.com").String()
	a.send("GET", "/me", married, nil).want(200)
	a.exec("UPDATE oauth_accounts SET last_used_at = '2020-01-01 00:00:00.000000'")
	a.send("GET", "/me", married, nil).want(200)
	a.auth.jobs.close(closePatience)
	if a.count("FROM users WHERE name = 'Ann B.' AND email = 'ann@example.com'") != 1 || a.count("FROM oauth_accounts WHERE email = 'ann.b@example.com' AND last_used_at > '2021'") != 1 {
		t.Error("it is not written down")
	}
}

// Who has an account by Keycloak and proves its address to this app comes in by it still.
func TestKeycloakVerifiesHere(t *testing.T) {
	a, _ := newKeycloakApp(t)
	token := goodToken().with("email_verified", false).String()
	a.send("POST", "/verify/request", token, nil).want(202)
	a.send("POST", "/verify", token, object{"token": a.mailed("confirm your e-mail address")}).want(204)
	if mine := decode[publicUser](a.send("GET", "/me", token, nil).want(200)); !mine.IsVerified || a.count("FROM users") != 1 {
		t.Errorf("%+v", mine)
	}
}

// An account that nobody has verified goes to whom Keycloak has verified the address since.
func TestKeycloakVerifiesLater(t *testing.T) {
	a, _ := newKeycloakApp(t)
	a.send("GET", "/me", goodToken().with("email_verified", false).String(), nil).want(200)
	a.exec("UPDATE users SET hashed_password = 'none'")
	a.exec("UPDATE oauth_accounts SET last_used_at = '2020-01-01 00:00:00.000000'")
	a.send("GET", "/me", goodToken().String(), nil).want(200)
	a.wantMail("your address was confirmed")
	if a.count("FROM users WHERE email_verified_at IS NOT NULL AND hashed_password IS NULL") != 1 || a.count("FROM oauth_accounts") != 1 {
		t.Error("the account is not theirs")
	}
}

// Guards take both kinds of token; roles are those of Keycloak alone.
func TestKeycloakGuards(t *testing.T) {
	a, _ := newKeycloakApp(t)
	_, own := a.signedIn("bob@example.com", true)
	keycloaks := goodToken().String()
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if UserFrom(r.Context()) == nil && ClaimsFrom(r.Context()) == nil {
			t.Error("nobody is here")
		}
		w.WriteHeader(http.StatusNoContent)
	})
	for name, c := range map[string]struct {
		guard          http.Handler
		own, keycloaks int
	}{
		"user":   {RequireUser(hello), 204, 204},
		"claims": {RequireClaims(hello), 204, 204},
		"roles":  {RequireRoles("admin")(hello), 403, 204},
		"client": {RequireClientRoles("shop", "buyer")(hello), 403, 204},
		"none":   {RequireRoles("owner")(hello), 403, 403},
		"any":    {RequireRoles()(hello), 403, 204},
		"both":   {RequireUser(RequireRoles("staff")(hello)), 403, 204},
		"recent": {RequireRecentLogin(hello), 204, 403},
	} {
		handler := a.auth.Middleware(c.guard)
		if w := a.ask(handler, "GET", "/x", own, nil); w.Code != c.own {
			t.Errorf("%s, with a token of ours: %d", name, w.Code)
		}
		if w := a.ask(handler, "GET", "/x", keycloaks, nil); w.Code != c.keycloaks {
			t.Errorf("%s, with one of Keycloak's: %d", name, w.Code)
		}
	}
	recent := a.auth.Middleware(RequireRecentLogin(hello))
	for ago, want := range map[int64]int{0: 204, 590: 204, 610: 403, -3600: 403} {
		a.ask(recent, "GET", "/x", goodToken().with("auth_time", time.Now().Unix()-ago).String(), nil).want(want)
	}
	a.ask(recent, "GET", "/x", goodToken().with("auth_time", "now").String(), nil).want(403)
}

// A token of one kind with the issuer of the other opens nothing.
func TestKeycloakTokensDoNotMix(t *testing.T) {
	a, _ := newKeycloakApp(t)
	id, own := a.signedIn("bob@example.com", true)
	a.send("GET", "/me", goodToken().with("iss", a.auth.config.Issuer).with("aud", a.auth.config.Issuer).with("sub", "1").String(), nil).want(401)
	claims, err := a.auth.tokens.readAccess(own)
	if err != nil {
		t.Fatal(err)
	}
	a.auth.tokens.issuer = realmIssuer
	forged, err := a.auth.tokens.issueAccess(id, claims.SessionID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a.auth.tokens.issuer = a.auth.config.Issuer
	a.send("GET", "/me", forged, nil).want(401)
	a.send("GET", "/me", goodToken().with("iss", "http://keycloak.example/realms/other").String(), nil).want(401)
	if !strings.Contains(a.log.String(), `auth.keycloak.refused reason="issuer" iss="http://keycloak.example/realms/other"`) {
		t.Error(a.log)
	}
}

// Sessions are this app's own: a token of Keycloak has none, and ends with itself.
func TestKeycloakAndSessions(t *testing.T) {
	a, _ := newKeycloakApp(t)
	token := goodToken().String()
	if body := a.send("GET", "/sessions", token, nil).want(200).Body.String(); body != "[]" {
		t.Error(body)
	}
	a.send("POST", "/logout", token, nil).want(204)
	a.send("GET", "/me", token, nil).want(200)
}

// Whoever is signed in links their identity of Keycloak by its token, and unlinks it while
// there is another way to sign in.
func TestKeycloakLink(t *testing.T) {
	a, _ := newKeycloakApp(t)
	_, own := a.signedIn("ann@example.com", true)
	token := goodToken().String()
	post := func(as, token string) answered {
		return a.send("POST", "/providers/keycloak", as, map[string]string{"token": token})
	}
	post("", token).want(401)
	a.send("POST", "/providers/keycloak", own, map[string]string{}).want(422)
	if body := post(own, "garbage").want(400).Body.String(); body != `{"detail":"Invalid token"}` {
		t.Error(body)
	}
	post(own, goodToken().with("aud", "shop").String()).want(400)
	post(own, token).want(204)
	post(own, token).want(204)
	a.wantMail("It is Keycloak")
	if mine := decode[publicUser](a.send("GET", "/me", token, nil).want(200)); mine.Email != "ann@example.com" || *mine.OAuthProvider != "keycloak" {
		t.Errorf("%+v", mine)
	}
	if body := a.send("GET", "/providers", own, nil).want(200).Body.String(); !strings.HasPrefix(body, `[{"provider":"keycloak","email":"ann@example.com",`) {
		t.Error(body)
	}
	_, other := a.signedIn("bob@example.com", true)
	if body := post(other, token).want(409).Body.String(); body != `{"detail":"This identity belongs to another account"}` {
		t.Error(body)
	}
	post(token, goodToken().with("sub", "another").String()).want(403)
	a.send("DELETE", "/providers/keycloak", token, nil).want(403)
	a.exec("UPDATE auth_sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
	post(own, token).want(403)
	a.send("DELETE", "/providers/keycloak", own, nil).want(403)
	a.exec("UPDATE auth_sessions SET authenticated_at = created_at")
	a.exec("UPDATE users SET hashed_password = NULL WHERE email = 'ann@example.com'")
	a.send("DELETE", "/providers/keycloak", own, nil).want(409)
	a.exec("INSERT INTO oauth_accounts (user_id, provider, subject, created_at) VALUES (1, '" + realmIssuer + "-gone', '1', '2020-01-01')")
	a.send("DELETE", "/providers/keycloak", own, nil).want(409)
	// fastman: if jwt
	a.exec("UPDATE users SET hashed_password = 'some'")
	a.send("DELETE", "/providers/keycloak", own, nil).want(204)
	a.send("DELETE", "/providers/keycloak", own, nil).want(404)
	a.send("GET", "/me", token, nil).want(409)
	// fastman: end
	a.send("DELETE", "/providers/nothing", own, nil).want(404)
}

// Without a realm an app starts, says what is missing, and refuses its tokens alone.
func TestKeycloakNotConfigured(t *testing.T) {
	a := newApp(t)
	if !strings.Contains(a.log.String(), `auth.keycloak.off problem="KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID are not set: nobody can sign in with Keycloak"`) {
		t.Error(a.log)
	}
	_, own := a.signedIn("ann@example.com", true)
	a.send("GET", "/me", own, nil).want(200)
	a.send("GET", "/me", "", nil).want(401)
	a.send("GET", "/me", "garbage", nil).want(401)
	for _, refused := range []answered{
		a.send("GET", "/me", goodToken().String(), nil),
		a.send("POST", "/providers/keycloak", own, map[string]string{"token": goodToken().String()}),
	} {
		if body := refused.want(503).Body.String(); body != `{"detail":"Sign-in with Keycloak is not configured"}` {
			t.Error(body)
		}
	}
}

// While Keycloak is down its users are told so, and everybody else works on.
func TestKeycloakDown(t *testing.T) {
	a, r := newKeycloakApp(t)
	r.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	_, own := a.signedIn("ann@example.com", true)
	refused := a.send("GET", "/me", goodToken().String(), nil).want(503)
	if refused.Body.String() != `{"detail":"Sign-in with Keycloak is not available"}` || refused.Header().Get("Retry-After") != "10" {
		t.Errorf("%s %v", refused.Body, refused.Header())
	}
	a.send("GET", "/me", own, nil).want(200)
}
