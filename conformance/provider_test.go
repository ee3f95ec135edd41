package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fastman/conformance"
	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
)

// chosen is a set that people choose. Passwords with all providers, which is what the
// templates are as they stand, are tested with them.
type chosen struct {
	name string
	set  feature.Set
	full bool // every case, and not only those that speak of signing in
}

var chosenSets = []chosen{
	{"jwt", feature.NewSet(feature.JWT), true},
	{"google", feature.NewSet().WithProviders(feature.Google), false},
	{"github", feature.NewSet().WithProviders(feature.GitHub), false},
	{"discord", feature.NewSet().WithProviders(feature.Discord), false},
	{"oidc", feature.NewSet().WithProviders(feature.OIDC), false},
	{"passkey", feature.NewSet(feature.Passkey), true},
	{"passkey with its page", feature.NewSet(feature.Passkey).WithUI(true), false},
	{"all but jwt", whole.Without(feature.JWT), false},
	{"all but oauth", whole.Without(feature.OAuth), false},
	{"all but passkey", whole.Without(feature.Passkey), false},
	{"all but keycloak", whole.Without(feature.Keycloak), false},
}

// A new FastAPI project with any of the sets keeps the contract on SQLite, and with
// TEST_ALL=1 on PostgreSQL, too.
func TestChosenSetsOnFastAPI(t *testing.T) {
	keepChosen(t, newFastAPI, every)
}

// So does a new Go project.
func TestChosenSetsOnGo(t *testing.T) {
	keepChosen(t, newGo, described)
}

// described leaves out what the app's own main.go decides of.
func described(c conformance.Case) bool { return !strings.Contains(c.Name, "openapi") }

func keepChosen(t *testing.T, create func(*testing.T, feature.Set, string) project, has func(conformance.Case) bool) {
	for _, c := range chosenSets {
		cases := func(k conformance.Case) bool {
			return has(k) && besideRealm(k) && !patient.MatchString(k.Name) && (c.full || signingIn.MatchString(k.Name))
		}
		t.Run(c.name+" on SQLite", func(t *testing.T) {
			beside(t, c)
			p := create(t, c.set, "sqlite:///./app.db")
			p.keeps(t, c.lanes(), c.set, cases, openSQLite(t, p), conformance.SQLite)
		})
		if os.Getenv("TEST_ALL") != "" {
			t.Run(c.name+" on PostgreSQL", func(t *testing.T) {
				beside(t, c)
				url := testbed.StartPostgres(t).NewDatabase(t)
				create(t, c.set, url).keeps(t, c.lanes(), c.set, cases, open(t, "pgx", url), conformance.Postgres)
			})
		}
	}
}

// lanes are several for many cases.
func (c chosen) lanes() int {
	if c.full {
		return lanes
	}
	return 1
}

// beside lets sets run two at a time, unless they have the cases that put an app under load.
func beside(t *testing.T, c chosen) {
	if !c.full {
		t.Parallel()
	}
}

// What the templates are asked as they stand, on both databases, is not asked again where
// it takes long.
var (
	signingIn = regexp.MustCompile(`^(register|login|me|refresh|sessions|logout|oauth|oauth-settings|native|providers|cookie|cross-site|passkey|passkey-settings|recovery|page|keycloak[a-z-]*)/`)
	patient   = regexp.MustCompile(`-(hangs|drips|hang)-|^timing/|-no-time$|-the-same-time$|^mail/a-(dead|hanging|busy)-`)
)

// generate makes a project as a user would, and returns its folder.
func generate(t *testing.T, stack string, set feature.Set) string {
	t.Helper()
	dir := t.TempDir()
	_, err := install.New(t.Context(), install.NewOptions{
		Common: install.Common{Dir: dir, NoDeps: stack == "fastapi", NoBoot: true, Yes: true},
		Name:   "shop", Stack: stack, Set: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "shop")
}

// generated are the settings of a project that calls itself otherwise.
func generated(databaseURL string) map[string]string {
	if databaseURL == "" { // nothing is kept, and no key needed
		return map[string]string{"ENVIRONMENT": "test"}
	}
	env := settings(databaseURL)
	env["AUTH_ISSUER"] = "fastman:app"
	return env
}

// newFastAPI is a new project of FastAPI with a migrated database.
func newFastAPI(t *testing.T, set feature.Set, databaseURL string) project {
	t.Helper()
	return migrated(t, generate(t, "fastapi", set), generated(databaseURL))
}

// newGo is a new project of Go, built.
func newGo(t *testing.T, set feature.Set, databaseURL string) project {
	t.Helper()
	dir := generate(t, "go", set)
	return project{testbed.Binary(dir, buildGo(t, dir)), generated(databaseURL), nil}
}

func buildGo(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "app.exe")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
