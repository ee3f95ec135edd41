package testbed

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Root is the folder of this repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod in this folder or above it")
		}
	}
}

// requirement is an element of a list of dependencies, alone on its line.
var requirement = regexp.MustCompile(`(?m)^\s+"([A-Za-z][\w.-]*(?:\[[\w,-]+\])?(?:==|>=)[^"]+)",?$`)

// Venv returns the programs of a virtual environment with everything that the
// FastAPI template runs on, in the versions that its pyproject.toml names.
func Venv(t testing.TB) string {
	t.Helper()
	return Tools(t, Requirements(t)...)
}

// Requirements are those packages.
func Requirements(t testing.TB) []string {
	t.Helper()
	path := filepath.Join(Root(t), "templates", "fastapi", "pyproject.toml")
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, found := range requirement.FindAllSubmatch(src, -1) {
		packages = append(packages, string(found[1]))
	}
	if len(packages) == 0 {
		t.Fatalf("%s lists no dependencies", path)
	}
	return packages
}
