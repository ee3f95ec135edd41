package conformance

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"fastman/internal/feature"
)

// What an app asks for that no suite can know ends a case without a verdict, and says so.
func TestObstacles(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, city TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"detail": [{"loc": ["body", "city"], "type": "missing", "msg": "Field required"}]}`))
	}))
	defer server.Close()
	target := Target{URL: server.URL, Prefix: "/auth", Dialect: SQLite, DB: db, Set: feature.NewSet(feature.JWT), Paths: Paths{"GET /me": ""}, secrets: newSecrets()}
	for want, run := range map[string]func(*T){
		"users.city: give the column a default":    func(t *T) { t.insertUser("INSERT INTO users (email) VALUES (?)", "a@example.com") },
		`POST /register asks for the field "city"`: func(t *T) { t.register() },
		"GET /me is not in the app any more":       func(t *T) { t.me("x").want(http.StatusOK) },
		"":                                         func(t *T) { t.Errorf("a finding"); t.me("x").want(http.StatusOK) },
	} {
		r := runCase(context.Background(), target, Case{Name: "test/case", Run: run})
		if want == "" {
			if r.Outcome != Failed || r.Detail != "a finding" {
				t.Errorf("what was found before is %s: %s", r.Outcome, r.Detail)
			}
			continue
		}
		if r.Outcome != Skipped || r.Obstacle == nil || !strings.Contains(r.Detail, want) {
			t.Errorf("%s: %s, want %q", r.Outcome, r.Detail, want)
		}
	}
}
