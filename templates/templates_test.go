package templates_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/cut"
	"fastman/internal/feature"
	"fastman/internal/testbed"
	"fastman/templates"
)

// library is what fastman is built with.
var library = templates.Builtin()

// in runs a program of the test bed's environment in dir.
func in(t *testing.T, dir string, env []string, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(testbed.Venv(t), program), args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "RUFF_NO_CACHE=true"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// copyTemplate puts the whole template, with its markers, into a folder of the test.
func copyTemplate(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "templates", "fastapi")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(testbed.Root(t), "templates", "fastapi"))); err != nil {
		t.Fatal(err)
	}
	vectors := filepath.Join(filepath.Dir(filepath.Dir(dir)), "conformance", "vectors")
	if err := os.CopyFS(vectors, os.DirFS(filepath.Join(testbed.Root(t), "conformance", "vectors"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The template is a running app: formatted, linted, typed, and it passes its own
// tests on both databases as it stands.
func TestTemplateIsARunningApp(t *testing.T) {
	dir := copyTemplate(t)
	in(t, dir, nil, "ruff", "format", "--check", ".")
	in(t, dir, nil, "ruff", "check", ".")
	in(t, dir, nil, "mypy", "--cache-dir="+os.DevNull)
	url := testbed.StartPostgres(t).NewDatabase(t)
	env := []string{"TEST_POSTGRES_URL=" + url, "ENVIRONMENT=test"}
	in(t, dir, env, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
}

// What combinations of types and providers cut to is formatted, linted and typed, with
// no formatter run behind it.
func TestCutsAreClean(t *testing.T) {
	types := t.TempDir() // what mypy knows of the packages
	for _, set := range testbed.Some(feature.Combinations(library.Types, library.Providers)) {
		t.Run("set "+set.String(), func(t *testing.T) {
			dir := copyTemplate(t)
			for _, folder := range []string{"app", "alembic", "tests", "variants"} {
				cutTree(t, dir, folder, set)
			}
			standIn(t, dir, "variants/keycloak_alone.py", "app/core/keycloak.py")
			sources := []string{"app", "tests"}
			if set.Empty() { // only the host stays, as `fastman new` makes it
				sources = sources[:1]
				remove(t, dir, "app/features", "app/core/database.py", "alembic", "tests", "selftest", "variants")
			} else if set.Equal(feature.NewSet(feature.Keycloak)) { // what is not emitted is for apps with users
				remove(t, dir, "selftest", "variants")
			}
			in(t, dir, nil, "mypy", append([]string{"--cache-dir=" + types}, sources...)...)
			in(t, dir, nil, "ruff", "format", "--check", ".")
			in(t, dir, nil, "ruff", "check", ".")
			in(t, dir, nil, "ruff", "check", "--isolated", "app") // as in a project that configures nothing
		})
	}
}

// standIn puts a module that the set has in place of another.
func standIn(t *testing.T, dir, variant, target string) {
	t.Helper()
	err := os.Rename(filepath.Join(dir, filepath.FromSlash(variant)), filepath.Join(dir, filepath.FromSlash(target)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func cutTree(t *testing.T, dir, folder string, set feature.Set) {
	t.Helper()
	names, err := library.Tree("fastapi", folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		src, err := library.Read("fastapi", name)
		if err != nil {
			t.Fatal(err)
		}
		out, keep, err := cut.File(name, src, set)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if !keep {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, out, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if cut.Marked(out) {
			t.Errorf("%s: a marker is left", name)
		}
	}
}
