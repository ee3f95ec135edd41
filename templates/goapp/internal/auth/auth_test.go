// fastman: file jwt
package auth

import (
	"strings"
	"testing"
	"time"
)

const goodPassword = "a horse of the tests"

func (a *app) register(email string) int64 {
	a.Helper()
	user := decode[publicUser](a.send("POST", "/register", "", object{"email": email, "password": goodPassword}).want(201))
	return user.ID
}

func (a *app) login(name, password string) answered {
	a.Helper()
	return a.send("POST", "/login", "", object{"username": name, "password": password})
}

// member registers somebody and signs them in.
func (a *app) member(email string) Token {
	a.Helper()
	a.register(email)
	return decode[Token](a.login(email, goodPassword).want(200))
}

// Somebody signs up, signs in by e-mail or username in any case, and out again.
func TestSignInAndOut(t *testing.T) {
	a := newApp(t)
	a.send("POST", "/register", "", object{"email": "Ann@Example.com", "username": "Ann", "password": goodPassword}).want(201)
	for _, name := range []string{"ann@example.com", "ANN"} {
		token := decode[Token](a.login(name, goodPassword).want(200))
		me := decode[publicUser](a.send("GET", "/me", token.AccessToken, nil).want(200))
		if me.Email != "Ann@example.com" || *me.Username != "Ann" || !me.IsActive || me.IsVerified || time.Since(me.CreatedAt) > time.Minute {
			t.Errorf("the user is %+v", me)
		}
		a.send("POST", "/logout", token.AccessToken, nil).want(204)
		a.send("GET", "/me", token.AccessToken, nil).want(401)
		a.send("POST", "/logout", token.AccessToken, nil).want(401)
	}
}

// Whatever is wrong with a sign-in, the answer is the same.
func TestSignInFailsAlike(t *testing.T) {
	a := newApp(t)
	a.register("ann@example.com")
	id := a.register("bob@example.com")
	a.exec("UPDATE users SET is_active = FALSE WHERE id = $1", id)
	wrong := a.login("ann@example.com", "another horse").want(401).Body.String()
	for _, name := range []string{"nobody@example.com", "nobody", "bob@example.com"} {
		if body := a.login(name, goodPassword).want(401).Body.String(); body != wrong {
			t.Errorf("%s: %s, want %s", name, body, wrong)
		}
	}
}

// Of two accounts with one name there is only the first.
func TestNamesAreTakenOnce(t *testing.T) {
	a := newApp(t)
	a.send("POST", "/register", "", object{"email": "ann@example.com", "username": "ann", "password": goodPassword}).want(201)
	for _, other := range []object{
		{"email": "ANN@example.com", "password": goodPassword},
		{"email": "bob@example.com", "username": "ANN", "password": goodPassword},
	} {
		a.send("POST", "/register", "", other).want(409)
	}
}

// The eleventh try on an account is refused, also with the right password.
func TestGuessingIsThrottled(t *testing.T) {
	a := newApp(t)
	a.register("ann@example.com")
	for range 10 {
		a.login("ann@example.com", "a wrong horse").want(401)
	}
	if wait := a.login("Ann@Example.com", goodPassword).want(429).Header().Get("Retry-After"); wait == "" {
		t.Error("nobody says when to come back")
	}
	a.exec("UPDATE auth_throttle SET expires_at = '2020-01-01 00:00:00.000000'")
	a.login("ann@example.com", goodPassword).want(200)
}

// A new password ends the other sessions; the old one is good no more.
func TestChangePassword(t *testing.T) {
	a := newApp(t)
	here := a.member("ann@example.com").AccessToken
	there := decode[Token](a.login("ann@example.com", goodPassword)).AccessToken
	change := object{"current_password": goodPassword, "new_password": "a better horse"}
	a.send("POST", "/password/change", here, object{"current_password": "wrong", "new_password": "a better horse"}).want(400)
	a.send("POST", "/password/change", here, change).want(204)
	a.send("GET", "/me", here, nil).want(200)
	a.send("GET", "/me", there, nil).want(401)
	a.login("ann@example.com", goodPassword).want(401)
	a.login("ann@example.com", "a better horse").want(200)
}

// An account without a password gets its first one after a recent sign-in only.
func TestSetPassword(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").AccessToken
	fresh := object{"new_password": "a better horse"}
	a.send("POST", "/password/set", token, fresh).want(409)
	a.exec("UPDATE users SET hashed_password = NULL")
	a.exec("UPDATE auth_sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
	a.send("POST", "/password/set", token, fresh).want(403)
	a.exec("UPDATE auth_sessions SET authenticated_at = created_at")
	a.send("POST", "/password/set", token, fresh).want(204)
	a.login("ann@example.com", "a better horse").want(200)
}

// A forgotten password is replaced by a mailed link, once, and every session ends.
func TestResetPassword(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").AccessToken
	a.send("POST", "/password/forgot", "", object{"email": "nobody@example.com"}).want(202)
	a.send("POST", "/password/forgot", "", object{"email": "ann@example.com"}).want(202)
	link := a.mailed("choose a new password")
	a.send("POST", "/password/reset", "", object{"token": link, "new_password": "short"}).want(422)
	a.send("POST", "/password/reset", "", object{"token": link, "new_password": "a better horse"}).want(204)
	a.send("POST", "/password/reset", "", object{"token": link, "new_password": "a third horse"}).want(400)
	a.send("GET", "/me", token, nil).want(401)
	fresh := decode[Token](a.login("ann@example.com", "a better horse").want(200))
	if me := decode[publicUser](a.send("GET", "/me", fresh.AccessToken, nil)); !me.IsVerified {
		t.Error("who has read the mail owns the address")
	}
}

// A mailed link verifies the address for the session or the password of its account.
func TestVerifyAddress(t *testing.T) {
	a := newApp(t)
	ann, bob := a.member("ann@example.com").AccessToken, a.member("bob@example.com").AccessToken
	a.send("POST", "/verify/request", ann, nil).want(202)
	link := a.mailed("confirm your e-mail address")
	a.send("POST", "/verify", "", object{"token": link}).want(401)
	a.send("POST", "/verify", bob, object{"token": link}).want(400)
	a.send("POST", "/verify", "", object{"token": link, "password": "a wrong horse"}).want(401)
	a.send("POST", "/verify", "", object{"token": link, "password": goodPassword}).want(204)
	a.send("GET", "/me", ann, nil).want(401)

	a.send("POST", "/verify/request", bob, nil).want(202)
	a.send("POST", "/verify", bob, object{"token": a.mailed("confirm your e-mail address")}).want(204)
	if me := decode[publicUser](a.send("GET", "/me", bob, nil).want(200)); !me.IsVerified {
		t.Error("the address is not verified")
	}
}

// Where signing up tells nobody who has an account, only the mails differ.
func TestSignUpUnseen(t *testing.T) {
	a := newApp(t, func(c *Config) { c.HideRegistered = true })
	first := a.send("POST", "/register", "", object{"email": "ann@example.com", "password": goodPassword}).want(202)
	again := a.send("POST", "/register", "", object{"email": "ann@example.com", "password": "another horse"}).want(202)
	if first.Body.String() != again.Body.String() {
		t.Errorf("%s and then %s", first.Body, again.Body)
	}
	a.login("ann@example.com", goodPassword).want(401)
	link := a.mailed("confirm your e-mail address")
	a.send("POST", "/verify", "", object{"token": link, "password": goodPassword}).want(204)
	a.login("ann@example.com", goodPassword).want(200)
}

// The log names nobody in clear, and no secret.
func TestLogHoldsNoSecret(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com")
	a.login("ann@example.com", "a wrong horse").want(401)
	a.send("POST", "/logout", token.AccessToken, nil).want(204)
	for _, event := range []string{"auth.register.ok user_id=1", "auth.login.ok", "auth.login.failed", "auth.logout"} {
		if !strings.Contains(a.log.String(), event) {
			t.Errorf("the log lacks %s", event)
		}
	}
	claims, _ := a.auth.tokens.readAccess(token.AccessToken)
	for _, secret := range []string{"ann@", "horse", token.AccessToken, token.RefreshToken, claims.SessionID} {
		if strings.Contains(a.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// A database that fails is told to the client and the log, without what was asked.
func TestDatabaseFails(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").AccessToken
	_ = a.db.Close()
	if wait := a.send("GET", "/me", token, nil).want(503).Header().Get("Retry-After"); wait != "5" {
		t.Errorf("Retry-After: %q", wait)
	}
	if !strings.Contains(a.log.String(), "auth.database.failed") {
		t.Error("the log says nothing")
	}
}
