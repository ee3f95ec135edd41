package conformance_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"fastman/conformance"
	"fastman/internal/feature"
	"fastman/internal/testbed"
)

var only = flag.String("case", "", "run only the conformance cases whose name matches this expression")

const testSecret = "a key of the tests of fastman that everybody knows"

// The FastAPI template keeps the contract on SQLite.
func TestTemplateOnSQLite(t *testing.T) {
	app := template(t, "sqlite:///./app.db")
	app.keepsContract(t, openSQLite(t, app), conformance.SQLite)
}

// The FastAPI template keeps the contract on PostgreSQL.
func TestTemplateOnPostgres(t *testing.T) {
	url := testbed.StartPostgres(t).NewDatabase(t)
	template(t, url).keepsContract(t, open(t, "pgx", url), conformance.Postgres)
}

// An app whose environment has no SECRET_KEY at all does not start.
func TestTemplateNeedsSecretKey(t *testing.T) {
	app := template(t, "sqlite:///./app.db")
	delete(app.env, "SECRET_KEY")
	output := testbed.BootFail(t, app.dir, app.python, app.env)
	for _, text := range []string{"SECRET_KEY", "fastman generate:key"} {
		if !strings.Contains(output, text) {
			t.Errorf("the output does not mention %q:\n%s", text, output)
		}
	}
}

// project is a copy of the template with a migrated database.
type project struct {
	dir, python string
	env         map[string]string
}

func template(t *testing.T, databaseURL string) project {
	t.Helper()
	p := project{testbed.CopyApp(t), filepath.Join(testbed.Venv(t), "python"), map[string]string{
		"ENVIRONMENT": "test", "SECRET_KEY": testSecret, "DATABASE_URL": databaseURL, "BCRYPT_ROUNDS": "4",
	}}
	testbed.Migrate(t, p.dir, p.python, p.env)
	return p
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openSQLite(t *testing.T, p project) *sql.DB {
	t.Helper()
	return open(t, "sqlite", "file:"+filepath.Join(p.dir, "app.db")+"?_pragma=busy_timeout(10000)")
}

// keepsContract runs every case as a test of its own. Nothing may be skipped: the
// target offers all that a case can need.
func (p project) keepsContract(t *testing.T, db *sql.DB, dialect conformance.Dialect) {
	mails, err := conformance.NewMailbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mails.Close)
	p.env["AUTH_MAIL_URL"], p.env["AUTH_PUBLIC_URL"] = mails.URL(), "https://app.example"
	server := testbed.Boot(t, p.dir, p.python, p.env)
	target := conformance.Target{
		URL: server.URL, Set: feature.NewSet(feature.JWT), Secret: testSecret,
		DB: db, Dialect: dialect, DatabaseURL: p.env["DATABASE_URL"], Mail: mails, Output: server.Output, Boot: p.boot,
	}
	wanted := regexp.MustCompile(*only)
	matches := func(c conformance.Case) bool { return wanted.MatchString(c.Name) }
	for result := range conformance.Run(t.Context(), target, matches) {
		t.Run(result.Case.Name, func(t *testing.T) {
			t.Logf("%v, %s", result.Took.Round(1e6), result.Case.Section)
			if result.Outcome != conformance.Passed {
				t.Errorf("%s: %s", result.Outcome, result.Detail)
			}
		})
	}
}

func (p project) boot(ctx context.Context, env map[string]string) (*conformance.Instance, error) {
	all := maps.Clone(p.env)
	maps.Copy(all, env)
	server, err := testbed.StartApp(ctx, p.dir, p.python, all)
	var refused *testbed.RefusedError
	if errors.As(err, &refused) {
		return nil, &conformance.RefusedError{Output: refused.Output}
	}
	if err != nil {
		return nil, err
	}
	return &conformance.Instance{URL: server.URL, Output: server.Output, Stop: server.Stop}, nil
}
