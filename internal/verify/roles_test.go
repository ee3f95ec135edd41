package verify_test

import (
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/verify"
)

// Whoever has Keycloak sees that roles are asked for as they should be, though the project
// has no such route yet: alone and beside other types, on both stacks.
func TestRolesAreJudged(t *testing.T) {
	for _, set := range []feature.Set{feature.NewSet(feature.Keycloak), feature.NewSet(feature.Keycloak, feature.JWT)} {
		for _, stack := range stacks {
			t.Run(stack+" "+set.String(), func(t *testing.T) {
				report := judged(t, newProjectOf(t, stack, set), `^keycloak/.*role`)
				if report.Counts.Held < 2 {
					t.Errorf("%+v", report.Counts)
				}
				wantAllHeld(t, report)
			})
		}
	}
}

// Where the owner's code has no require_roles any more, its cases are not judged, and all
// others are.
func TestRolesThatNobodyAsksFor(t *testing.T) {
	dir := newProjectOf(t, "fastapi", feature.NewSet(feature.Keycloak))
	edit{"app/core/keycloak.py", "def require_roles(", "def wants_roles("}.make(t, dir)
	report := judged(t, dir, `^keycloak/(.*role|a-tampered)`)
	if report.Counts.Held == 0 || report.Counts.Failed > 0 {
		t.Errorf("%+v", report.Counts)
	}
	for _, c := range report.Cases {
		if strings.Contains(c.Name, "role") && c.Outcome == verify.Held {
			t.Errorf("%s is held", c.Name)
		}
	}
}
