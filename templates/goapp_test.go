package templates_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/cut"
	"fastman/internal/feature"
	"fastman/internal/testbed"
)

// goTool runs a command of Go, or a tool of another module, in dir.
func goTool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Both stacks write the same bytes: the tests of testdata, which no user needs, run as
// if they stood in the package that is emitted.
func TestGoVectors(t *testing.T) {
	root := testbed.Root(t)
	app := filepath.Join(root, "templates", "goapp")
	files, err := filepath.Glob(filepath.Join(app, "testdata", "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for _, file := range files {
		overlay["Replace"][filepath.Join(app, "internal", "auth", filepath.Base(file))] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	goTool(t, root, "vet", "-overlay", path, "./templates/goapp/internal/auth")
	goTool(t, root, "test", "-count=1", "-overlay", path, "-run", "^TestVectors", "./templates/goapp/internal/auth")
}

// The stacks refuse the same passwords.
func TestStacksShareTheCommonPasswords(t *testing.T) {
	stacks := filepath.Join(testbed.Root(t), "templates")
	one, err := os.ReadFile(filepath.Join(stacks, "fastapi", "app", "features", "auth", "common_passwords.txt"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(stacks, "goapp", "internal", "auth", "common_passwords.txt"))
	if err != nil || !bytes.Equal(one, other) {
		t.Errorf("the lists differ (%v)", err)
	}
}

// What combinations of types and providers cut to is formatted, builds, and passes the
// checks of vet and staticcheck.
func TestGoCutsAreClean(t *testing.T) {
	for _, set := range testbed.Some(feature.Combinations(library.Types, library.Providers)) {
		t.Run("set "+set.String(), func(t *testing.T) {
			dir := cutGoApp(t, set)
			if unformatted, err := exec.Command("gofmt", "-l", dir).CombinedOutput(); err != nil || len(unformatted) > 0 {
				t.Errorf("gofmt: %s (%v)", unformatted, err)
			}
			goTool(t, dir, "build", "./...")
			goTool(t, dir, "vet", "./...")
			goTool(t, dir, "run", "honnef.co/go/tools/cmd/staticcheck@v0.8.2", "./...")
		})
	}
}

// cutGoApp puts the app of a set into a module of its own, with the packages of this
// one at its versions.
func cutGoApp(t *testing.T, set feature.Set) string {
	t.Helper()
	root, dir := testbed.Root(t), t.TempDir()
	app := filepath.Join(root, "templates", "goapp")
	parts := []string{"main.go", "auth.go", "auth_keycloak.go", "internal"}
	if set.Empty() { // only the host stays, as `fastman new` makes it
		parts = parts[:1]
	}
	for _, part := range parts {
		err := filepath.WalkDir(filepath.Join(app, part), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				cutGoFile(t, app, path, dir, set)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// cutGoFile cuts one file of app into the same place below dir.
func cutGoFile(t *testing.T, app, path, dir string, set feature.Set) {
	t.Helper()
	name, err := filepath.Rel(app, path)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out, keep, err := cut.File(name, src, set)
	if err != nil {
		t.Fatal(err)
	}
	if cut.Marked(out) {
		t.Errorf("%s: a marker is left", name)
	}
	if keep {
		write(t, filepath.Join(dir, name), bytes.ReplaceAll(out, []byte("fastman/templates/goapp/"), []byte("fastman/")))
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
