package deps_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"fastman/internal/deps"
	"fastman/internal/plan"
)

func hashed(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func goRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// module reads what an install or a removal is told of a module.
func module(t *testing.T, dir string) deps.Module {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.ParseLax("go.mod", src, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := deps.Module{Root: dir, GoLine: f.Go.Version, Requires: map[string]string{}}
	for _, r := range f.Require {
		m.Requires[r.Mod.Path] = r.Mod.Version
	}
	return m
}

// goInstalled is a module with the packages of goNeeds, tidied first where own is code
// of its user's; and what an install keeps of it.
func goInstalled(t *testing.T, mod, own string) (string, deps.Removal) {
	t.Helper()
	dir := goModule(t, mod)
	emitted := filepath.Join(dir, "internal", "auth", "auth.go")
	auth, err := os.ReadFile(emitted)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(emitted); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "main.go", "package main\n\nfunc main() {}\n")
	if own != "" {
		put(t, dir, "own.go", own)
		goRun(t, dir, "go", "mod", "tidy")
	}
	goRun(t, dir, "git", "init", "-q")
	goRun(t, dir, "git", "add", ".")
	if err := os.WriteFile(emitted, auth, 0o644); err != nil {
		t.Fatal(err)
	}
	p := deps.NewGo(module(t, dir), goNeeds)
	p.KeepUntidy(context.Background())
	r := deps.Removal{Added: p.Added(), Originals: map[string]string{}, Left: map[string]string{}, Hash: hashed,
		Uses: func(_, _ []string) string { return "" }}
	for file, text := range p.Originals() {
		r.Originals[file] = string(text)
	}
	if err := p.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for _, file := range p.Manifests() {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		r.Left[file] = hashed(data)
	}
	return dir, r
}

// goRemoved takes the emitted code and its packages out.
func goRemoved(t *testing.T, dir string, r deps.Removal) *deps.Plan {
	t.Helper()
	p, err := deps.NewGoRemoval(module(t, dir), r)
	if err != nil {
		t.Fatal(err)
	}
	p.KeepUntidy(context.Background())
	if err := os.RemoveAll(filepath.Join(dir, "internal")); err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files() {
		if err := plan.ReplaceFile(filepath.Join(dir, f.Path), f.New); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	return p
}

const ownCrypto = "package main\n\nimport _ \"golang.org/x/crypto/bcrypt\"\n"

// Install and removal leave nothing for git to see: the go line, what was raised, the
// sums. The go command is not even needed.
func TestGoRemovalLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct{ mod, own string }{
		"empty":  {"module shop\n\ngo 1.24.0\n", ""},
		"untidy": {"module shop // mine\n\ngo 1.24\n\nrequire github.com/kr/pretty v0.3.1", ""},
		"raised": {"module shop\n\ngo 1.24.0\n\nrequire golang.org/x/crypto v0.40.0 // mine\n", ownCrypto},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := goInstalled(t, c.mod, c.own)
			added := r.Added
			r.Uses = deps.Search(maps.All(map[string][]byte{"own.go": []byte(c.own)}))
			p, err := deps.NewGoRemoval(module(t, dir), r)
			if err != nil || len(p.Commands()) > 0 {
				t.Errorf("%v %q", err, p.Commands())
			}
			p = goRemoved(t, dir, r)
			if status := goRun(t, dir, "git", "status", "--porcelain", "go.mod", "go.sum"); strings.ContainsAny(status, "M?D") {
				t.Errorf("%s%s", status, goRun(t, dir, "git", "diff"))
			}
			removed := p.Removed()
			slices.Sort(removed)
			if !slices.Equal(removed, slices.Sorted(slices.Values(added))) || len(p.Notes()) > 0 {
				t.Errorf("removed %q, notes %q", removed, p.Notes())
			}
			goRun(t, dir, "go", "build", "./...")
		})
	}
}

// A module that the user has required in between stays, and the module is tidy again;
// what their own code has taken up stays too.
func TestGoRemovalAfterAChange(t *testing.T) {
	dir, r := goInstalled(t, "module shop\n\ngo 1.24.0\n", "")
	const own = "package main\n\nimport (\n\t_ \"github.com/kr/pretty\"\n\t_ \"golang.org/x/crypto/bcrypt\"\n)\n"
	put(t, dir, "own.go", own)
	goRun(t, dir, "go", "get", "github.com/kr/pretty@v0.3.1")
	goRun(t, dir, "go", "mod", "tidy")
	r.Uses = deps.Search(maps.All(map[string][]byte{"own.go": []byte(own)}))
	p := goRemoved(t, dir, r)
	if want := []string{"github.com/joho/godotenv@v1.5.1"}; !slices.Equal(p.Removed(), want) {
		t.Errorf("%q", p.Removed())
	}
	notes := strings.Join(p.Notes(), "\n")
	if !strings.Contains(notes, "golang.org/x/crypto stays: own.go uses it") || !strings.Contains(notes, "go.mod was changed since") {
		t.Errorf("%q", notes)
	}
	if m := module(t, dir); m.Requires["github.com/kr/pretty"] != "v0.3.1" || m.Requires["golang.org/x/crypto"] != "v0.58.0" || m.Requires["github.com/joho/godotenv"] != "" {
		t.Errorf("%v", m.Requires)
	}
	goRun(t, dir, "go", "mod", "tidy", "-diff")
	if !slices.Equal(p.Manifests(), []string{"go.mod", "go.sum"}) {
		t.Errorf("%q", p.Manifests())
	}
}

// Code of the user's that uses a module which only came along keeps building: then the
// original go.mod would lack it.
func TestGoRemovalKeepsWhatCameAlong(t *testing.T) {
	dir, r := goInstalled(t, "module shop\n\ngo 1.24.0\n", "")
	const own = "package main\n\nimport _ \"golang.org/x/sys/cpu\"\n"
	put(t, dir, "own.go", own)
	r.Uses = deps.Search(maps.All(map[string][]byte{"own.go": []byte(own)}))
	goRemoved(t, dir, r)
	goRun(t, dir, "go", "build", "./...")
	if m := module(t, dir); m.Requires["golang.org/x/sys"] == "" || m.Requires["golang.org/x/crypto"] != "" {
		t.Errorf("%v", m.Requires)
	}
}

// A go.mod with requires that nothing uses keeps them, when it was changed in between.
func TestGoRemovalKeepsAnUntidyModule(t *testing.T) {
	dir, r := goInstalled(t, "module shop\n\ngo 1.24.0\n\nrequire github.com/kr/pretty v0.3.1 // mine\n", "")
	goRun(t, dir, "go", "mod", "edit", "-require=github.com/kr/text@v0.2.0")
	goRemoved(t, dir, r)
	m := module(t, dir)
	if m.Requires["github.com/kr/pretty"] != "v0.3.1" || m.Requires["github.com/kr/text"] != "v0.2.0" || m.Requires["golang.org/x/crypto"] != "" {
		t.Errorf("%v", m.Requires)
	}
	goRun(t, dir, "go", "build", "./...")
}

// A module that was required before stays in the version to which it was raised, when
// go.mod was changed in between, and the output says both.
func TestGoRemovalOfARaise(t *testing.T) {
	dir, r := goInstalled(t, "module shop\n\ngo 1.24.0\n\nrequire golang.org/x/crypto v0.40.0\n", ownCrypto)
	goRun(t, dir, "go", "mod", "edit", "-exclude=example.org/x@v1.0.0")
	p := goRemoved(t, dir, r)
	if want := []string{"github.com/joho/godotenv@v1.5.1"}; !slices.Equal(p.Removed(), want) {
		t.Errorf("%q", p.Removed())
	}
	if notes := strings.Join(p.Notes(), "\n"); !strings.Contains(notes, "golang.org/x/crypto stays at v0.58.0: it was required before, at v0.40.0") {
		t.Errorf("%q", notes)
	}
}

// Where one of fastman's modules stays, the original does not come back.
func TestGoRemovalInPart(t *testing.T) {
	dir, r := goInstalled(t, "module shop\n\ngo 1.24.0\n", "")
	r.Added = []string{"github.com/joho/godotenv@v1.5.1"}
	p, err := deps.NewGoRemoval(module(t, dir), r)
	if want := []string{"go mod edit -droprequire=github.com/joho/godotenv && go mod tidy"}; err != nil || !slices.Equal(p.Commands(), want) || len(p.Files()) > 0 || len(p.Notes()) > 0 {
		t.Errorf("%v %q %q", err, p.Commands(), p.Notes())
	}
}
