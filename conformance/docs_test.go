package conformance_test

import (
	"os"
	"regexp"
	"strings"
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

// Who looks for a line of his log finds it in docs/keycloak.md as the app writes it.
func TestKeycloakDocsShowHints(t *testing.T) {
	docs, err := os.ReadFile("../docs/keycloak.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`hint="([^"]+)"`).FindAllStringSubmatch(string(docs), -1)
	if len(shown) < 5 {
		t.Errorf("only %d lines have a hint", len(shown))
	}
	for _, file := range []string{"../templates/goapp/internal/auth/keycloak.go", "../templates/fastapi/app/core/keycloak_events.py"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		joined := regexp.MustCompile(`"\s*\n\s*"`).ReplaceAllString(string(source), "")
		for _, hint := range shown {
			if !strings.Contains(joined, hint[1]) {
				t.Errorf("%s says nothing of %q", file, hint[1])
			}
		}
	}
}
