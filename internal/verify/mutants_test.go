package verify_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fastman/conformance"
	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
	"fastman/internal/verify"
	"fastman/templates"
)

var rewrite = flag.Bool("update", false, "rewrite the tables in docs")

// mutant is a small defect that somebody might build into the generated code.
type mutant struct {
	name    string
	caught  string // cases of which one at least must fail
	always  bool   // tried in every run of the tests, and not only in those of everything
	fastapi edits  // below app/features/auth
	goapp   edits  // below internal/auth
}

// edits make a defect. Most are one.
type edits []edit

// edit replaces a text that stands in a file once.
type edit struct{ file, old, new string }

// mutants are all defects by what they are about, and the projects that they are built into.
var mutants = []struct {
	about string
	set   feature.Set
	all   []mutant
}{
	{"jwt", everything, jwtMutants}, {"cookie", everything, cookieMutants}, {"oauth", everything, oauthMutants},
	{"passkey", everything, passkeyMutants}, {"keycloak", everything, keycloakMutants},
	{"keycloak alone", onlyKeycloak, keycloakAloneMutants}, {"passkey alone", onlyPasskey, passkeyAloneMutants}, {"oauth alone", onlyOAuth, oauthAloneMutants},
}

// everything is the set that has all code to edit, and all cases.
var everything = feature.NewSet(feature.Types...).WithProviders(feature.Providers...).WithUI(true)

var stacks = []string{"fastapi", "go"}

// Whoever builds one of these defects into the code is told so by verify:auth.
func TestMutantsAreCaught(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			for _, group := range mutants {
				t.Run(group.about, func(t *testing.T) { areCaught(t, stack, group.set, group.all) })
			}
		})
	}
}

// areCaught tries all of them, after having shown that what is to catch them holds without
// them; or the few of every run.
func areCaught(t *testing.T, stack string, set feature.Set, all []mutant) {
	whole := os.Getenv("TEST_ALL") != ""
	if !whole {
		all = slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return !m.always })
	}
	if len(all) == 0 {
		return
	}
	dir := newProjectOf(t, stack, set)
	if whole {
		t.Run("none", func(t *testing.T) { holds(t, dir, all) })
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) { m.isCaught(t, stack, dir) })
	}
}

// holds expects that a project without defects passes what is to catch them.
func holds(t *testing.T, dir string, all []mutant) {
	var cases []string
	for _, m := range all {
		cases = append(cases, m.caught)
	}
	for _, c := range judged(t, dir, strings.Join(cases, "|")).Cases {
		if c.Outcome != verify.Held && c.Outcome != verify.NotApplicable {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Detail)
		}
	}
}

func (m mutant) isCaught(t *testing.T, stack, dir string) {
	for file, text := range m.plant(t, stack, dir) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, []byte(text))
		t.Cleanup(func() { write(t, file, src) })
	}
	report := judged(t, dir, m.caught)
	for _, c := range report.Cases {
		if c.Outcome == verify.Failed {
			if c.File == "" || c.Detail == "" {
				t.Errorf("%s shows nothing: %q %s", c.Name, c.File, c.Detail)
			}
			return
		}
	}
	t.Errorf("nothing fails: %+v", report.Cases)
}

// plant returns the files of a project as they are with the defect.
func (m mutant) plant(t *testing.T, stack, dir string) map[string]string {
	t.Helper()
	all, folder := m.fastapi, "app/features/auth"
	if stack == "go" {
		all, folder = m.goapp, "internal/auth"
	}
	texts := map[string]string{}
	for _, e := range all {
		file := filepath.Join(dir, filepath.FromSlash(folder), filepath.FromSlash(e.file))
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := cmp.Or(texts[file], string(src))
		if n := strings.Count(text, e.old); n != 1 {
			t.Errorf("%s: %s holds %q %d times", m.name, e.file, e.old, n)
		}
		texts[file] = strings.Replace(text, e.old, e.new, 1)
	}
	return texts
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Each defect is an edit of the code as it is emitted, with a name of its own, and with
// cases that exist.
func TestMutantsFitTheCode(t *testing.T) {
	names := map[string]bool{}
	for _, stack := range stacks {
		for _, group := range mutants {
			dir := newProjectWith(t, stack, group.set, true)
			for _, m := range group.all {
				m.plant(t, stack, dir)
				name := stack + group.about + m.name
				if names[name] {
					t.Errorf("%s: is there twice", m.name)
				}
				names[name] = true
				m.hasCases(t, group.set)
			}
		}
	}
	if n := len(names) / len(stacks); n < 60 {
		t.Errorf("there are %d defects", n)
	}
}

func (m mutant) hasCases(t *testing.T, set feature.Set) {
	t.Helper()
	only := regexp.MustCompile(m.caught)
	if !slices.ContainsFunc(conformance.Cases(set), func(c conformance.Case) bool { return only.MatchString(c.Name) }) {
		t.Errorf("%s: no case is called %s", m.name, m.caught)
	}
}

// newProject is a new one with passwords, as a user would make it.
func newProject(t *testing.T, stack string) string {
	t.Helper()
	return newProjectOf(t, stack, feature.NewSet(feature.JWT))
}

func newProjectOf(t *testing.T, stack string, set feature.Set) string {
	t.Helper()
	return newProjectWith(t, stack, set, stack == "fastapi") // whose packages are those of the test
}

func newProjectWith(t *testing.T, stack string, set feature.Set, noDeps bool) string {
	t.Helper()
	if stack == "fastapi" {
		t.Setenv("VIRTUAL_ENV", filepath.Dir(testbed.Venv(t)))
	}
	dir := t.TempDir()
	_, err := install.New(t.Context(), install.NewOptions{
		Common: install.Common{Dir: dir, NoDeps: noDeps, NoBoot: true, Yes: true},
		Name:   "shop", Stack: stack, Set: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "shop")
}

func judged(t *testing.T, dir, only string) *verify.Report {
	t.Helper()
	report, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, Only: only})
	if err != nil {
		t.Fatalf("%#v", err)
	}
	return report
}

// docs/verify.md lists the defects and what catches them.
func TestVerifyDocsListMutants(t *testing.T) {
	var table strings.Builder
	table.WriteString("| | defect | caught by |\n|---|---|---|\n")
	for _, group := range mutants {
		for _, m := range group.all {
			fmt.Fprintf(&table, "| %s | %s | `%s` |\n", group.about, m.name, strings.ReplaceAll(m.caught, "|", `\|`))
		}
	}
	sameTable(t, "../../docs/verify.md", table.String())
}

// sameTable compares what stands between the marks of a table in a file.
func sameTable(t *testing.T, file, want string) {
	t.Helper()
	const begin, end = "<!-- made by the tests: go test -update -->\n", "<!-- end -->"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(src), begin)
	have, after, found := strings.Cut(rest, end)
	switch {
	case !found:
		t.Fatalf("%s has no place for the table", file)
	case have == want:
	case *rewrite:
		write(t, file, []byte(before+begin+want+end+after))
	default:
		t.Errorf("%s is not up to date: go test ./internal/verify -update", file)
	}
}
