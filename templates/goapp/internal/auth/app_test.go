// fastman: file jwt or oauth or passkey
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
	"testing"
	"time"
)

// app is the sign-in of a test, on a database and with a mailbox of its own.
type app struct {
	*testing.T
	auth  *Auth
	db    *sql.DB
	log   *logged
	mails string // a folder
}

func newApp(t *testing.T, change ...func(*Config)) *app {
	t.Helper()
	a := &app{T: t, mails: filepath.Join(t.TempDir(), "mails"), log: &logged{}}
	a.db = newDatabase(t)
	if err := Migrate(t.Context(), a.db); err != nil {
		t.Fatal(err)
	}
	config := Config{Environment: "test", SecretKey: strings.Repeat("a key of tests ", 3), MailURL: "file:" + a.mails}
	// fastman: if jwt
	config.BcryptRounds = 4
	// fastman: end
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

func (a *app) exec(statement string, args ...any) {
	a.Helper()
	if _, err := a.db.Exec(statement, args...); err != nil {
		a.Fatal(err)
	}
}

// fastman: if jwt or keycloak or passkey
var mailedToken = regexp.MustCompile(`#[a-z]+=([A-Za-z0-9_-]{43})`)

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

// fastman: end
// fastman: if oauth or keycloak or passkey
// count returns how many rows there are: "FROM users".
func (a *app) count(from string) (rows int) {
	a.Helper()
	if err := a.db.QueryRow("SELECT count(*) " + from).Scan(&rows); err != nil {
		a.Fatal(err)
	}
	return rows
}

// wantMail waits for a mail that says something.
func (a *app) wantMail(text string) {
	a.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(a.mails, "*.eml"))
		for _, file := range files {
			if mail, _ := os.ReadFile(file); strings.Contains(string(mail), text) {
				return
			}
		}
	}
	a.Fatalf("no mail says %q", text)
}

// fastman: end
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
	described := map[string]bool{}
	for path, methods := range document.Paths {
		path, _, _ = strings.Cut(path, "{") // what follows is a parameter
		for method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for path, route := range a.auth.routes {
		for method := range route {
			// fastman: if passkey
			if strings.HasPrefix(path, "/ui") || strings.HasPrefix(path, "/static/") { // for our page alone
				continue
			}
			// fastman: end
			if !described[method+" "+"/auth"+path] {
				t.Errorf("%s %s is missing", method, path)
			}
		}
	}
}

// Rows whose time is over go while the app is used.
func TestPurge(t *testing.T) {
	a := newApp(t)
	a.exec("INSERT INTO auth_throttle (key, count, window_start, expires_at) VALUES ('old', 1, '2020-01-01', '2020-01-01')")
	a.auth.purge(context.Background())
	var left int
	if err := a.db.QueryRow("SELECT count(*) FROM auth_throttle WHERE key = 'old'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d old rows are left (%v)", left, err)
	}
}
