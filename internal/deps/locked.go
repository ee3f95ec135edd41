package deps

import (
	"encoding/json"
	"regexp"

	"fastman/internal/edit"
)

var lockedPackage = regexp.MustCompile(`(?m)^\[\[package\]\]\r?\nname = "([^"]+)"`)

// lockedNames are the packages of a uv.lock, poetry.lock or Pipfile.lock.
func lockedNames(lock []byte) []string {
	var names []string
	for _, m := range lockedPackage.FindAllSubmatch(lock, -1) {
		names = append(names, edit.PackageName(string(m[1])))
	}
	var pipfile struct{ Default, Develop map[string]any }
	if json.Unmarshal(lock, &pipfile) != nil {
		return names
	}
	for _, packages := range []map[string]any{pipfile.Default, pipfile.Develop} {
		for name := range packages {
			names = append(names, edit.PackageName(name))
		}
	}
	return names
}
