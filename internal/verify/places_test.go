package verify

import (
	"path"
	"slices"
	"strings"
	"testing"

	"fastman/conformance"
	"fastman/internal/install"
	"fastman/templates"
)

// Whoever reads of a failure is sent to a file that exists, on both stacks.
func TestFailuresNameAFile(t *testing.T) {
	for _, stack := range []string{"fastapi", "go"} {
		i := &install.Installation{Stack: stack, Files: map[string]string{}}
		folder := map[string]string{"fastapi": "fastapi", "go": "goapp"}[stack]
		names, err := templates.Builtin().Tree(folder, ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			i.Files[name] = path.Join("their", name)
		}
		missing := map[string]bool{}
		for _, c := range conformance.Cases(everything) {
			group, _, _ := strings.Cut(c.Name, "/")
			if whereToLook(c.Name, i) == "" && !missing[group] {
				t.Errorf("%s: failures of %s/ name no file", stack, group)
				missing[group] = true
			}
		}
	}
}

// Whose app lets every site in is sent to the line of his own that does.
func TestOriginsNameTheLine(t *testing.T) {
	r := &Report{Settings: []Finding{{File: "app/main.py:16", Name: "CORSMiddleware", What: everySite}}}
	known := slices.ContainsFunc(conformance.Cases(everything), func(c conformance.Case) bool { return c.Name == origins })
	if at := r.ownCode(origins); at != "app/main.py:16" || !known {
		t.Errorf("it is sent to %q; the case is known: %v", at, known)
	}
	if at := r.ownCode("server/who-shows-no-token-is-nobody"); at != "" {
		t.Errorf("another case is sent to %q", at)
	}
}
