package deps_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/deps"
)

var goNeeds = []deps.Need{
	{Name: "github.com/joho/godotenv", Spec: "@v1.5.1"},
	{Name: "golang.org/x/crypto", Spec: "@v0.58.0", Extras: "argon2,bcrypt"},
}

// goModule writes a module that imports both packages.
func goModule(t *testing.T, mod string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                mod,
		"main.go":               "package main\n\nimport _ \"shop/internal/auth\"\n\nfunc main() {}\n",
		"internal/auth/auth.go": "package auth\n\nimport (\n\t_ \"github.com/joho/godotenv\"\n\t_ \"golang.org/x/crypto/bcrypt\"\n)\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Only what lacks is asked for, by package; a newer release and a replaced module are
// the user's.
func TestGoAsksForWhatLacks(t *testing.T) {
	for _, c := range []struct {
		name string
		m    deps.Module
		want string
	}{
		{"none", deps.Module{}, "go get github.com/joho/godotenv@v1.5.1 golang.org/x/crypto/argon2@v0.58.0 golang.org/x/crypto/bcrypt@v0.58.0 && go mod tidy"},
		{"older", deps.Module{Requires: map[string]string{"golang.org/x/crypto": "v0.9.0", "github.com/joho/godotenv": "v1.5.1"}},
			"go get golang.org/x/crypto/argon2@v0.58.0 golang.org/x/crypto/bcrypt@v0.58.0 && go mod tidy"},
		{"newer", deps.Module{Requires: map[string]string{"golang.org/x/crypto": "v0.99.0", "github.com/joho/godotenv": "v1.5.1"}}, ""},
		{"replaced", deps.Module{Requires: map[string]string{"github.com/joho/godotenv": "v1.5.1"}, Replaced: map[string]bool{"golang.org/x/crypto": true}}, ""},
		{"vendored", deps.Module{Requires: map[string]string{"golang.org/x/crypto": "v0.58.0"}, Vendored: true},
			"go get github.com/joho/godotenv@v1.5.1 && go mod tidy && go mod vendor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.Root = t.TempDir()
			p := deps.NewGo(c.m, goNeeds)
			if got := strings.Join(p.Commands(), "\n"); got != c.want || p.Empty() != (c.want == "") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A go.mod that was not tidy keeps what nothing uses, gets what the code needs, whatever
// GOFLAGS says, and comes back as it was.
func TestGoKeepsAnUntidyModule(t *testing.T) {
	const mod = "module shop\n\ngo 1.26.0\n\nrequire github.com/kr/pretty v0.3.1 // mine\n"
	dir := goModule(t, mod)
	t.Setenv("GOFLAGS", "-mod=readonly")
	p := deps.NewGo(deps.Module{Root: dir, GoLine: "1.26.0"}, goNeeds)
	p.KeepUntidy(context.Background())
	if err := p.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/kr/pretty v0.3.1 // mine", "\tgithub.com/joho/godotenv v1.5.1\n", "\tgolang.org/x/crypto v0.58.0\n"} {
		if !strings.Contains(string(after), want) {
			t.Errorf("%q is not in\n%s", want, after)
		}
	}
	build := exec.Command("go", "build", "./...")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := p.Undo(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "go.mod")); string(now) != mod {
		t.Errorf("go.mod did not come back:\n%s", now)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.sum")); err == nil {
		t.Error("go.sum is left")
	}
}

// The originals of both files are kept for a removal.
func TestGoKeepsOriginals(t *testing.T) {
	dir := goModule(t, "module shop\n\ngo 1.26.0\n")
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), []byte("sums\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	originals := deps.NewGo(deps.Module{Root: dir}, goNeeds).Originals()
	if string(originals["go.sum"]) != "sums\n" || !slices.Contains(strings.Split(string(originals["go.mod"]), "\n"), "module shop") {
		t.Errorf("got %v", originals)
	}
}
