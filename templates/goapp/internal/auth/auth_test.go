// fastman: file jwt
package auth

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const goodPassword = "a horse of the tests"

// app is the sign-in of a test, on a database and with a mailbox of its own.
type app struct {
	*testing.T
	auth  *Auth
	db    *sql.DB
	log   *logged
	mails string // a folder
}

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newApp(t *testing.T, change ...func(*Config)) *app {
	t.Helper()
	a := &app{T: t, mails: filepath.Join(t.TempDir(), "mails"), log: &logged{}}
	a.db = newDatabase(t)
	if err := Migrate(t.Context(), a.db); err != nil {
		t.Fatal(err)
	}
	config := Config{Environment: "test", SecretKey: strings.Repeat("a key of tests ", 3), BcryptRounds: 4, MailURL: "file:" + a.mails}
	for _, change := range change {
		change(&config)
	}
	var err error
	if a.auth, err = New(t.Context(), config, a.db, slog.New(slog.NewTextHandler(a.log, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.auth.Close)
	return a
}

func newDatabase(t *testing.T) *sql.DB {
	t.Helper()
	db, err := Open("sqlite:///" + filepath.ToSlash(filepath.Join(t.TempDir(), "app.db")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// answered is what came back.
type answered struct {
	*testing.T
	*httptest.ResponseRecorder
	asked string
}

// send asks an endpoint, with a token and a JSON body if they are given.
func (a *app) send(method, path, token string, body any) answered {
	a.Helper()
	return a.ask(a.auth, method, "/auth"+path, token, body)
}

func (a *app) ask(handler http.Handler, method, path, token string, body any) answered {
	a.Helper()
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			a.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, &content)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return answered{a.T, w, method + " " + path}
}

// want ends the test when the status is another one.
func (a answered) want(status int) answered {
	a.Helper()
	if a.Code != status {
		a.Fatalf("%s: %d, want %d: %s", a.asked, a.Code, status, a.Body)
	}
	return a
}

func decode[T any](a answered) (value T) {
	a.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), &value); err != nil {
		a.Fatalf("%s: %v: %s", a.asked, err, a.Body)
	}
	return value
}

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

func (a *app) exec(statement string, args ...any) {
	a.Helper()
	if _, err := a.db.Exec(statement, args...); err != nil {
		a.Fatal(err)
	}
}

var mailedToken = regexp.MustCompile(`#token=([A-Za-z0-9_-]{43})`)

// mailed waits for a mail with a link, and returns its token.
func (a *app) mailed(subject string) string {
	a.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(a.mails, "*.eml"))
		for _, file := range files {
			mail, _ := os.ReadFile(file)
			found := mailedToken.FindSubmatch(mail)
			if bytes.Contains(mail, []byte(subject)) && found != nil && os.Remove(file) == nil {
				return string(found[1])
			}
		}
	}
	a.Fatalf("no mail says %q", subject)
	return ""
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

// Only the endpoints answer, only to their methods, and no cache keeps it.
func TestRoutes(t *testing.T) {
	a := newApp(t)
	a.send("GET", "/nothing", "", nil).want(404)
	a.send("GET", "/me/", "", nil).want(404)
	refused := a.send("PUT", "/sessions", "", nil).want(405)
	if allow := refused.Header().Get("Allow"); allow != "DELETE, GET" {
		t.Errorf("Allow: %s", allow)
	}
	unsigned := a.send("GET", "/me", "", nil).want(401)
	if unsigned.Header().Get("WWW-Authenticate") != "Bearer" || unsigned.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", unsigned.Header())
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	a.ask(a.auth.Middleware(next), "GET", "/auth/nothing", "", nil).want(http.StatusTeapot)
	a.ask(a.auth.Middleware(next), "GET", "/auth/me", "", nil).want(401)
	a.ask(a.auth.Middleware(next), "GET", "/auth/me/", "", nil).want(404)
}

// The description names each endpoint, and where to sign in.
func TestOpenAPI(t *testing.T) {
	a := newApp(t)
	document := decode[struct {
		Paths map[string]map[string]any
	}](a.ask(http.HandlerFunc(a.auth.OpenAPI), "GET", "/openapi.json", "", nil).want(200))
	for path, route := range a.auth.routes {
		path = "/auth" + strings.Replace(path, "/sessions/", "/sessions/{session_id}", 1)
		for method := range route {
			if document.Paths[path][strings.ToLower(method)] == nil {
				t.Errorf("%s %s is missing", method, path)
			}
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

// Rows whose time is over go while the app is used.
func TestPurge(t *testing.T) {
	a := newApp(t)
	a.member("ann@example.com")
	a.exec("INSERT INTO auth_throttle (key, count, window_start, expires_at) VALUES ('old', 1, '2020-01-01', '2020-01-01')")
	a.auth.purge(context.Background())
	var left int
	if err := a.db.QueryRow("SELECT count(*) FROM auth_throttle WHERE key = 'old'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d old rows are left (%v)", left, err)
	}
}
