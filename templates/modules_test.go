package templates_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"go/version"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fastman/internal/testbed"
	"fastman/templates"
)

// What is installed with the Go code is exactly what it imports, in the versions that
// it is tested with here, and the go line that these need.
func TestModules(t *testing.T) {
	all := library.All()
	listed, newest := map[string]bool{}, "go1.0"
	for _, m := range library.ModulesOf(all) {
		used := moduleInUse(t, m.Path)
		if used.Version != m.Version {
			t.Errorf("%s: %s is listed, %s is in go.mod", m.Path, m.Version, used.Version)
		}
		if version.Compare("go"+used.GoVersion, newest) > 0 {
			newest = "go" + used.GoVersion
		}
		for _, name := range m.Packages {
			listed[path.Join(m.Path, name)] = true
		}
	}
	if newest != "go"+templates.GoVersion {
		t.Errorf("GoVersion is %s, the modules need %s", templates.GoVersion, newest)
	}
	imported := goImports(t)
	for name := range listed {
		if !imported[name] {
			t.Errorf("%s is listed and not imported", name)
		}
	}
	for name := range imported {
		if !listed[name] && !insideListed(name, listed) {
			t.Errorf("%s is imported and not listed", name)
		}
	}
}

// insideListed: a package below one that is listed comes with it.
func insideListed(name string, listed map[string]bool) bool {
	for ; name != "."; name = path.Dir(name) {
		if listed[name] {
			return true
		}
	}
	return false
}

type module struct{ Version, GoVersion string }

func moduleInUse(t *testing.T, name string) module {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-json", name)
	cmd.Dir = testbed.Root(t)
	out, err := cmd.Output()
	var m module
	if err != nil || json.Unmarshal(out, &m) != nil {
		t.Fatalf("go list -m %s: %v", name, err)
	}
	return m
}

// goImports are the packages of other modules that the emitted code imports.
func goImports(t *testing.T) map[string]bool {
	t.Helper()
	app := filepath.Join(testbed.Root(t), "templates", "goapp")
	files, err := filepath.Glob(filepath.Join(app, "internal", "auth", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	imported := map[string]bool{}
	for _, file := range append(files, filepath.Join(app, "auth.go")) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
				imported[name] = true
			}
		}
	}
	return imported
}

// Every module is named once.
func TestModulesAreNamedOnce(t *testing.T) {
	var names []string
	for _, m := range library.ModulesOf(library.All()) {
		names = append(names, m.Path)
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted, or twice: %v", names)
	}
}
