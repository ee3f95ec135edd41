package conformance_test

import (
	"os"
	"regexp"
	"testing"

	"fastman/conformance"
	"fastman/internal/feature"
)

// docs/security.md names no proof that does not exist.
func TestSecurityDocsNameCases(t *testing.T) {
	known := map[string]bool{}
	groups := map[string]bool{}
	for _, c := range conformance.Cases(feature.NewSet(feature.Types...).WithProviders(feature.Providers...).WithUI(true)) {
		known[c.Name] = true
		groups[caseGroup.FindString(c.Name)] = true
	}
	src, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	named := caseName.FindAllSubmatch(src, -1)
	if len(named) < 60 {
		t.Errorf("only %d cases are named", len(named))
	}
	for _, found := range named {
		if name := string(found[1]); groups[caseGroup.FindString(name)] && !known[name] {
			t.Errorf("docs/security.md names %s, which is no case", name)
		}
	}
}

var (
	caseName  = regexp.MustCompile("`([a-z-]+/[^` ]+)`")
	caseGroup = regexp.MustCompile("^[a-z-]+/")
)
