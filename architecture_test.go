package fastman_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed says which packages of this module each one may import. Everything not
// named here is on its own.
var allowed = map[string][]string{
	"cmd/fastman":       {"internal/install", "internal/verify", "internal/feature", "templates"},
	"internal/verify":   {"conformance", "conformance/standin", "internal/edit", "internal/feature", "internal/install", "internal/postgres", "internal/run"},
	"internal/install":  {"conformance", "conformance/standin", "conformance/standin", "internal/cut", "internal/deps", "internal/edit", "internal/feature", "internal/merge", "internal/plan", "internal/project", "internal/run", "templates"},
	"internal/project":  {"internal/edit", "internal/run"},
	"internal/deps":     {"internal/edit", "internal/plan", "internal/run"}, // plan: the one way to write a file
	"internal/cut":      {"internal/feature"},
	"templates":         {"internal/feature"},
	"conformance":       {"conformance/standin", "internal/feature"},
	"internal/postgres": {"internal/run"},
	"internal/testbed":  {"internal/feature", "internal/plan", "internal/postgres", "internal/run", "templates"},
	"bench":             {"internal/feature", "internal/install", "internal/testbed"},

	"templates/goapp": {"templates/goapp/internal/auth"}, // the Go template is packages of this module
}

// pure packages get bytes and give bytes.
var pure = []string{"internal/feature", "internal/cut", "internal/edit", "internal/merge"}

// The packages stand where CONTRIBUTING.md draws them.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, _ := filepath.Glob("*/*/*.go")
	for _, file := range append(files, deeper...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.ToSlash(filepath.Dir(file))
		for _, imp := range parsed.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			if own, inside := strings.CutPrefix(path, "fastman/"); inside && !slices.Contains(allowed[folder], own) {
				t.Errorf("%s imports %s", file, own)
			}
			if path == "os" && slices.Contains(pure, folder) {
				t.Errorf("%s imports os", file)
			}
		}
	}
}
