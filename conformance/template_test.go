package conformance_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"fastman/conformance"
	"fastman/conformance/standin"
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

// The FastAPI template keeps the contract on PostgreSQL, where the database plays a part.
func TestTemplateOnPostgres(t *testing.T) {
	url := testbed.StartPostgres(t).NewDatabase(t)
	template(t, url).keeps(t, lanes, whole, ofDatabase, open(t, "pgx", url), conformance.Postgres)
}

// The Go template keeps the contract on SQLite.
func TestGoTemplateOnSQLite(t *testing.T) {
	app := goTemplate(t, "sqlite:///./app.db")
	app.keepsContract(t, openSQLite(t, app), conformance.SQLite)
}

// So does the Go template.
func TestGoTemplateOnPostgres(t *testing.T) {
	url := testbed.StartPostgres(t).NewDatabase(t)
	goTemplate(t, url).keeps(t, lanes, whole, ofDatabase, open(t, "pgx", url), conformance.Postgres)
}

// An app whose environment has no SECRET_KEY at all does not start.
func TestTemplateNeedsSecretKey(t *testing.T) { template(t, "sqlite:///./app.db").needsSecretKey(t) }

// Neither does the Go app.
func TestGoTemplateNeedsSecretKey(t *testing.T) {
	goTemplate(t, "sqlite:///./app.db").needsSecretKey(t)
}

func (p project) needsSecretKey(t *testing.T) {
	t.Helper()
	delete(p.env, "SECRET_KEY")
	output := p.BootFail(t, p.env)
	for _, text := range []string{"SECRET_KEY", "fastman generate:key"} {
		if !strings.Contains(output, text) {
			t.Errorf("the output does not mention %q:\n%s", text, output)
		}
	}
}

// project is a template that is ready to start.
type project struct {
	testbed.App
	env    map[string]string
	tables func(*testing.T, project) // makes them; nil: the app does it when it starts
}

// template is a copy of the FastAPI template with a migrated database.
func template(t *testing.T, databaseURL string) project {
	t.Helper()
	return migrated(t, testbed.CopyApp(t), settings(databaseURL))
}

// migrated is an app of FastAPI with the tables of its database.
func migrated(t *testing.T, dir string, env map[string]string) project {
	t.Helper()
	python := filepath.Join(testbed.Venv(t), "python")
	p := project{testbed.FastAPI(dir, python).Forked(), env, func(t *testing.T, p project) {
		t.Helper()
		testbed.Migrate(t, p.Dir, python, p.env)
	}}
	if env["DATABASE_URL"] != "" {
		p.tables(t, p)
	}
	return p
}

// goTemplate is the Go template, which migrates its database when it starts.
func goTemplate(t *testing.T, databaseURL string) project {
	t.Helper()
	return project{testbed.BuildGo(t), settings(databaseURL), nil}
}

func settings(databaseURL string) map[string]string {
	return map[string]string{"ENVIRONMENT": "test", "SECRET_KEY": testSecret, "DATABASE_URL": databaseURL, "BCRYPT_ROUNDS": "4"}
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
	return p.open(t, conformance.SQLite)
}

// whole is what a template is, as it stands, with every type and provider.
var whole = feature.NewSet(feature.JWT, feature.Keycloak, feature.Passkey).WithProviders(feature.Providers...).WithUI(true)

// anyDatabase are the cases that would be the same with any: they start the app again and
// again with other settings, wait for others that hang, or measure hashes.
var anyDatabase = regexp.MustCompile(`^(start|settings|mail|proxy|jws|hash|timing|keycloak|oauth-settings|passkey-settings)/|-(hangs|drips)-after-`)

// ofDatabase are all others; TEST_ALL=1 leaves none out.
func ofDatabase(c conformance.Case) bool {
	return os.Getenv("TEST_ALL") != "" || !anyDatabase.MatchString(c.Name)
}

// keepsContract runs every case of the template's set.
func (p project) keepsContract(t *testing.T, db *sql.DB, dialect conformance.Dialect) {
	cases := every
	if dialect == conformance.Postgres {
		cases = besideRealm // no database has a part in a realm's faults
	}
	p.keeps(t, lanes, whole, cases, db, dialect)
}

// lanes are as many as cases of which most wait keep two processors busy with.
const lanes = 4

// keeps runs the cases of a set on so many lanes.
func (p project) keeps(t *testing.T, lanes int, set feature.Set, cases func(conformance.Case) bool, db *sql.DB, dialect conformance.Dialect) {
	targets := []conformance.Target{p.lane(t, set, conformance.Target{DB: db, Dialect: dialect, Realm: realmFor(t, set, p)})}
	for len(targets) < lanes {
		other, db := p.onAnother(t, dialect)
		targets = append(targets, other.lane(t, set, conformance.Target{DB: db, Dialect: dialect, Realm: realmFor(t, set, other)}))
	}
	pass(t, cases, targets...)
}

// onAnother is the app on an empty database.
func (p project) onAnother(t *testing.T, dialect conformance.Dialect) (project, *sql.DB) {
	t.Helper()
	p.env = maps.Clone(p.env)
	if dialect == conformance.Postgres {
		p.env["DATABASE_URL"] = testbed.StartPostgres(t).NewDatabase(t)
	} else {
		p.env["DATABASE_URL"] = "sqlite:///./" + newName() + ".db"
	}
	if p.tables != nil {
		p.tables(t, p)
	}
	return p, p.open(t, dialect)
}

// open is the app's database for the suite.
func (p project) open(t *testing.T, dialect conformance.Dialect) *sql.DB {
	t.Helper()
	if dialect == conformance.Postgres {
		return open(t, "pgx", p.env["DATABASE_URL"])
	}
	file := strings.TrimPrefix(p.env["DATABASE_URL"], "sqlite:///./")
	return open(t, "sqlite", "file:"+filepath.Join(p.Dir, file)+"?_pragma=busy_timeout(10000)")
}

// lane starts the app, with what the target has already.
func (p project) lane(t *testing.T, set feature.Set, target conformance.Target) conformance.Target {
	t.Helper()
	target.Mail, target.Providers = newMailbox(t, p), newProviders(t, set, p)
	server := p.Boot(t, p.env)
	target.URL, target.Output, target.Boot = server.URL, server.Output, p.again
	target.Set, target.Secret, target.DatabaseURL = set, testSecret, p.env["DATABASE_URL"]
	return target
}

// newProviders are what the apps sign in with.
func newProviders(t *testing.T, set feature.Set, apps ...project) *standin.Providers {
	t.Helper()
	providers, err := standin.Start(t.Context(), standin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range apps {
		maps.Copy(app.env, conformance.Provided(set, providers))
	}
	return providers
}

// newMailbox gets what the apps send.
func newMailbox(t *testing.T, apps ...project) *conformance.Mailbox {
	t.Helper()
	mails, err := conformance.NewMailbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mails.Close)
	for _, app := range apps {
		app.env["AUTH_MAIL_URL"], app.env["AUTH_PUBLIC_URL"] = mails.URL(), "https://app.example"
	}
	return mails
}

func every(conformance.Case) bool { return true }

// pass runs each of the cases as a test of its own. Nothing may be skipped: the lanes offer
// all that a case can need, but for routes that only a few tests make.
func pass(t *testing.T, cases func(conformance.Case) bool, lanes ...conformance.Target) {
	wanted := regexp.MustCompile(*only)
	matches := func(c conformance.Case) bool {
		return cases(c) && wanted.MatchString(c.Name) && (lanes[0].Guarded != nil || !slices.Contains(c.Needs, conformance.NeedGuarded))
	}
	for result := range conformance.Share(t.Context(), lanes, matches) {
		t.Run(result.Case.Name, func(t *testing.T) { tell(t, result) })
	}
}

func tell(t *testing.T, result conformance.Result) {
	t.Logf("%v, %s", result.Took.Round(1e6), result.Case.Section)
	if result.Outcome != conformance.Passed {
		t.Errorf("%s: %s", result.Outcome, result.Detail)
	}
}

// again starts another process of the app.
func (p project) again(ctx context.Context, env map[string]string) (*conformance.Instance, error) {
	all := maps.Clone(p.env)
	maps.Copy(all, env)
	server, err := p.Start(ctx, all)
	var refused *testbed.RefusedError
	if errors.As(err, &refused) {
		return nil, &conformance.RefusedError{Output: refused.Output}
	}
	if err != nil {
		return nil, err
	}
	return &conformance.Instance{URL: server.URL, Output: server.Output, Stop: server.Stop}, nil
}
