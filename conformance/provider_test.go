package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fastman/conformance"
	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
)

// The sets that people choose: each provider alone, all at once, and with passwords.
// What the template's own set has beside them, passwords with all providers, is tested
// with the template.
var providerSets = []struct {
	name string
	set  feature.Set
	on   conformance.Dialect // with which it is tried; "" is both, and TEST_ALL=1 says both for all
}{
	{"google", feature.NewSet().WithProviders(feature.Google), conformance.SQLite},
	{"github", feature.NewSet().WithProviders(feature.GitHub), conformance.Postgres},
	{"discord", feature.NewSet().WithProviders(feature.Discord), conformance.SQLite},
	{"oidc", feature.NewSet().WithProviders(feature.OIDC), conformance.Postgres},
	{"all", feature.NewSet().WithProviders(feature.Discord, feature.GitHub, feature.OIDC, feature.Google), ""},
	{"jwt and github", feature.NewSet(feature.JWT).WithProviders(feature.GitHub), conformance.Postgres},
	{"jwt", feature.NewSet(feature.JWT), conformance.SQLite},
}

// A FastAPI project with any of the sets keeps the contract.
func TestProvidersOnFastAPI(t *testing.T) { keepWithProviders(t, newFastAPI, every) }

// So does a Go project.
func TestProvidersOnGo(t *testing.T) { keepWithProviders(t, newGo, unpublished) }

// unpublished leaves out what asks for an address that a project gives itself or not.
func unpublished(c conformance.Case) bool { return !strings.Contains(c.Name, "openapi") }

func keepWithProviders(t *testing.T, create func(*testing.T, feature.Set, string) project, cases func(conformance.Case) bool) {
	for _, s := range providerSets {
		cases := cases
		if !s.set.Has(feature.JWT) {
			all := cases
			cases = func(c conformance.Case) bool { return all(c) && !strings.Contains(c.Name, "as-fast-as") }
		}
		if s.on != conformance.Postgres || os.Getenv("TEST_ALL") != "" {
			t.Run(s.name+" on SQLite", func(t *testing.T) {
				sideBySide(t, s.set)
				p := create(t, s.set, "sqlite:///./app.db")
				p.keeps(t, s.set, cases, openSQLite(t, p), conformance.SQLite)
			})
		}
		if s.on != conformance.SQLite || os.Getenv("TEST_ALL") != "" {
			t.Run(s.name+" on PostgreSQL", func(t *testing.T) {
				sideBySide(t, s.set)
				url := testbed.StartPostgres(t).NewDatabase(t)
				create(t, s.set, url).keeps(t, s.set, cases, open(t, "pgx", url), conformance.Postgres)
			})
		}
	}
}

// sideBySide lets sets run beside each other whose cases mostly wait for a provider.
// Those with passwords also compare times, and run one after the other.
func sideBySide(t *testing.T, set feature.Set) {
	if !set.Has(feature.JWT) {
		t.Parallel()
	}
}

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

// newFastAPI is a new project of FastAPI with a migrated database.
func newFastAPI(t *testing.T, set feature.Set, databaseURL string) project {
	t.Helper()
	dir, python := generate(t, "fastapi", set), filepath.Join(testbed.Venv(t), "python")
	p := project{testbed.FastAPI(dir, python), settings(databaseURL)}
	p.env["AUTH_ISSUER"] = "fastman:app" // not the project's name
	testbed.Migrate(t, dir, python, p.env)
	return p
}

// newGo is a new project of Go, built.
func newGo(t *testing.T, set feature.Set, databaseURL string) project {
	t.Helper()
	dir := generate(t, "go", set)
	path := filepath.Join(dir, "app.exe")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	p := project{testbed.Binary(dir, path), settings(databaseURL)}
	p.env["AUTH_ISSUER"] = "fastman:app"
	return p
}
