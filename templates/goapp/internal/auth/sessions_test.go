// fastman: file jwt
package auth

import (
	"strings"
	"sync"
	"testing"

	"modernc.org/sqlite"
)

func (a *app) refresh(token string) answered {
	a.Helper()
	return a.send("POST", "/refresh", "", object{"refresh_token": token})
}

// A refresh gives new tokens of the same session; the token before is good for as
// long as two tabs need.
func TestRefresh(t *testing.T) {
	a := newApp(t)
	first := a.member("ann@example.com")
	second := decode[Token](a.refresh(first.RefreshToken).want(200))
	again := decode[Token](a.refresh(first.RefreshToken).want(200))
	if again.RefreshToken != second.RefreshToken || second.RefreshToken == first.RefreshToken {
		t.Error("the token before is not answered with the newest")
	}
	a.send("GET", "/me", second.AccessToken, nil).want(200)
	a.refresh(strings.Replace(second.RefreshToken, ".1.", ".2.", 1)).want(401)
	a.refresh("garbage").want(401)
	a.refresh(second.RefreshToken).want(200)
}

// A refresh token that comes back late ends the session: somebody has a copy.
func TestReuseEndsTheSession(t *testing.T) {
	a := newApp(t)
	first := a.member("ann@example.com")
	second := decode[Token](a.refresh(first.RefreshToken).want(200))
	a.exec("UPDATE auth_sessions SET refreshed_at = '2020-01-01 00:00:00.000000'")
	a.refresh(first.RefreshToken).want(401)
	a.refresh(second.RefreshToken).want(401)
	a.send("GET", "/me", second.AccessToken, nil).want(401)
}

// What a server remembers of a session is no more than a guess: a row that somebody
// changes counts at once, and a token that no longer fits it changes nothing.
func TestRefreshFitsTheRow(t *testing.T) {
	a := newApp(t)
	token := decode[Token](a.refresh(a.member("ann@example.com").RefreshToken).want(200)).RefreshToken
	salt := randomText(32)
	a.exec("UPDATE auth_sessions SET salt = $1", salt)
	a.refresh(token).want(401)
	given, _ := readRefresh(token)
	a.refresh(a.auth.tokens.issueRefresh(given.sessionID, given.counter, salt)).want(200)
}

// However many refresh at once, all are served, and the counter moves by one.
func TestRefreshTogether(t *testing.T) {
	a := newApp(t)
	token := a.member("ann@example.com").RefreshToken
	fresh := make([]Token, 50)
	var all sync.WaitGroup
	for i := range fresh {
		all.Go(func() {
			if answer := a.refresh(token); answer.Code == 200 {
				fresh[i] = decode[Token](answer)
			}
		})
	}
	all.Wait()
	for _, one := range fresh {
		if one.RefreshToken == "" || one.RefreshToken != fresh[0].RefreshToken {
			t.Fatal("not all are answered with the same newest token")
		}
	}
}

// Sessions are listed, and ended one by one or all but the current one.
func TestEndSessions(t *testing.T) {
	a := newApp(t)
	here := a.member("ann@example.com").AccessToken
	there := decode[Token](a.login("ann@example.com", goodPassword)).AccessToken
	stranger := a.member("bob@example.com").AccessToken
	list := decode[[]publicSession](a.send("GET", "/sessions", here, nil).want(200))
	if len(list) != 2 || list[0].Current == list[1].Current {
		t.Fatalf("sessions: %+v", list)
	}
	for _, session := range list {
		a.send("DELETE", "/sessions/"+session.ID, stranger, nil).want(404)
	}
	a.send("DELETE", "/sessions/%00", here, nil).want(404)
	a.send("DELETE", "/sessions", here, nil).want(204)
	a.send("GET", "/me", there, nil).want(401)
	left := decode[[]publicSession](a.send("GET", "/sessions", here, nil).want(200))
	a.send("DELETE", "/sessions/"+left[0].ID, here, nil).want(204)
	a.send("GET", "/me", here, nil).want(401)
}

// A session ends when it was idle, or old, for too long, and with its user.
func TestSessionsEnd(t *testing.T) {
	for _, end := range []string{
		"UPDATE auth_sessions SET expires_at = '2020-01-01 00:00:00.000000'",
		"UPDATE auth_sessions SET created_at = '2020-01-01 00:00:00.000000'",
		"UPDATE users SET is_active = FALSE",
		"DELETE FROM users",
	} {
		a := newApp(t)
		token := decode[Token](a.refresh(a.member("ann@example.com").RefreshToken).want(200))
		a.exec(end)
		a.send("GET", "/me", token.AccessToken, nil).want(401)
		a.refresh(token.RefreshToken).want(401)
	}
}

// A statement of every request is planned once, and not for each user anew when SQLite
// has statistics of the tables.
func TestStatementsArePlannedOnce(t *testing.T) {
	a := newApp(t)
	ann, bob := a.member("ann@example.com").AccessToken, a.member("bob@example.com").AccessToken
	a.db.SetMaxOpenConns(1)
	a.exec("ANALYZE")
	planned := 0
	a.onPlanning(func() { planned++ })
	a.send("GET", "/me", ann, nil).want(200)
	if planned == 0 {
		t.Fatal("nobody notices a statement being planned")
	}
	planned = 0
	a.send("GET", "/me", bob, nil).want(200)
	if planned > 0 {
		t.Error("another user has the statement planned again")
	}
}

// onPlanning calls back while SQLite plans a statement. What is planned already, it
// plans once more.
func (a *app) onPlanning(f func()) {
	a.Helper()
	one, err := a.db.Conn(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	defer one.Close()
	err = one.Raw(func(driver any) error {
		return driver.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(
			func(sqlite.AuthorizerActionCode, string, string, string, string) sqlite.AuthorizerReturnCode {
				f()
				return sqlite.AuthorizerOK
			})
	})
	if err != nil {
		a.Fatal(err)
	}
}
