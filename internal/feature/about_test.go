package feature

import "testing"

// Whoever chooses is told what each type and provider is, in a line that fits beside
// its name in 80 columns.
func TestAbout(t *testing.T) {
	lines := map[string]string{}
	for _, typ := range append([]Type{UI}, Types...) {
		lines[string(typ)] = typ.About()
	}
	for _, p := range Providers {
		lines[string(p)] = p.About()
	}
	for name, line := range lines {
		if line == "" || len(line) > 60 {
			t.Errorf("%s: %q has %d characters", name, line, len(line))
		}
	}
}
