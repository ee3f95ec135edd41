package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"fastman/conformance"
)

// notMet are the requirements of level 1 and 2 that may be left open, and are owned up to.
var notMet = []string{"3.5.3", "6.2.12", "6.3.3", "6.5.5", "7.4.5", "7.5.2"}

// requirement is a line of asvs.tsv.
type requirement struct{ id, level, text, status, how string }

const asvsHead = `# OWASP ASVS 5.0, requirement by requirement

What of the standard is about signing in, sessions and tokens, in our words; how a
generated app meets it, the same on both stacks; and the cases that show it, on both:
` + "`fastman verify:auth --only='^NAME$'`" + ` runs one of them against your app. "Documented" is what
no request can show. A case is evidence, and need not be all that a requirement asks for.

## What the standard wants written down

| | |
|---|---|
| attempts for one account from one address | 10 in 15 minutes |
| attempts from one address (IPv6: its /64) | 100 in 15 minutes |
| attempts for one account from everywhere | 100 in 24 hours; past them only addresses that it was used from may try, so that nobody locks its owner out |
| a session that nobody uses ends after | 30 days, ` + "`REFRESH_TOKEN_EXPIRE_DAYS`" + ` |
| any session ends after | 90 days, ` + "`SESSION_MAX_DAYS`" + ` |
| an access token ends after | 30 minutes, ` + "`ACCESS_TOKEN_EXPIRE_MINUTES`" + `, and with its session |
| sessions of one account at once | any number; each is listed, and can be ended |
| a recent sign-in is one of the last | 10 minutes |

NIST SP 800-63B asks for 30 days and no activity at its level 1, and for 12 hours at level
2: whoever needs that lowers the two settings.

## The requirements

`

// docs/asvs.md says of each requirement how it is met and what shows it, and names no
// proof that does not exist.
func TestASVSDocs(t *testing.T) {
	shown := map[string][]string{}
	for _, c := range conformance.Cases(whole) {
		for _, id := range c.ASVS {
			shown[id] = append(shown[id], c.Name)
		}
	}
	var out strings.Builder
	out.WriteString(asvsHead + "| | level | requirement | how | shown by |\n|---|---|---|---|---|\n")
	for _, r := range requirements(t) {
		r.check(t, shown[r.id])
		how := r.how
		if r.status != "met" {
			how = "**" + r.status + "**: " + how
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", r.id, r.level, r.text, how, named(shown[r.id]))
	}
	const file = "../docs/asvs.md"
	have, _ := os.ReadFile(file)
	if flag.Lookup("update").Value.String() == "true" { // of the vectors, too
		have = []byte(out.String())
		if err := os.WriteFile(file, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if string(have) != out.String() {
		t.Errorf("%s is not up to date: go test ./conformance -run ASVS -update", file)
	}
}

func (r requirement) check(t *testing.T, cases []string) {
	t.Helper()
	switch {
	case r.how == "" || !slices.Contains([]string{"met", "documented", "not met", "not applicable"}, r.status):
		t.Errorf("%s has no answer", r.id)
	case r.status == "met" && len(cases) == 0:
		t.Errorf("%s is met, and no case shows it", r.id)
	case r.status == "not met" && r.level != "3" && !slices.Contains(notMet, r.id):
		t.Errorf("%s, of level %s, is not met", r.id, r.level)
	}
}

// named are the first of some cases, and how many more there are.
func named(cases []string) string {
	const most = 3
	var shown []string
	for _, name := range cases[:min(most, len(cases))] {
		shown = append(shown, "`"+name+"`")
	}
	if more := len(cases) - most; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, ", ")
}

func requirements(t *testing.T) (all []requirement) {
	t.Helper()
	src, err := os.ReadFile("asvs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(src)), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			t.Fatalf("asvs.tsv: %q has %d fields", line, len(f))
		}
		all = append(all, requirement{f[0], f[1], f[2], f[3], f[4]})
	}
	return all
}
