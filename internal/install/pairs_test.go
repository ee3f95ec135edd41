package install_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
	"fastman/internal/testbed"
	"fastman/templates"
)

// Whichever types come and go, the code is that of the set that is left, with the
// user's edits in it.
func TestPairsOfSets(t *testing.T) {
	library := testbed.Library("magic")
	for _, stack := range []string{"fastapi", "go"} {
		t.Run(stack, func(t *testing.T) {
			sets := someSets(library)
			direct := map[string]map[string]string{}
			for _, set := range sets {
				dir := pairProject(t, stack)
				change(t, library, dir, feature.NewSet(), set)
				direct[set.String()] = readTree(t, dir)
			}
			for i, from := range sets {
				for j, to := range sets {
					half := (i+j)%2 == 1 || os.Getenv("TEST_ALL") != ""
					if half && !from.Equal(to) {
						t.Run(name(from)+" to "+name(to), func(t *testing.T) { pair(t, library, stack, from, to, direct[to.String()]) })
					}
				}
			}
		})
	}
}

// someSets are sets of types, with oauth from one provider or from two. Which came first
// is google, so that it does not matter where a set comes from.
func someSets(library *templates.Library) []feature.Set {
	providers := library.Providers[:min(2, len(library.Providers))]
	return testbed.Some(slices.DeleteFunc(feature.Combinations(library.Types, providers), func(s feature.Set) bool {
		return s.Has(feature.OAuth) && !s.HasProvider(feature.Google)
	}))
}

func name(set feature.Set) string {
	if set.Empty() {
		return "nothing"
	}
	return set.String()
}

// pair goes from one set to another in a project whose files were edited.
func pair(t *testing.T, library *templates.Library, stack string, from, to feature.Set, want map[string]string) {
	dir := pairProject(t, stack)
	change(t, library, dir, feature.NewSet(), from)
	edits := editFiles(t, dir, stack)
	change(t, library, dir, from, to)
	got := readTree(t, dir)
	for file, text := range got {
		wanted, kept := want[file]
		if edit := edits[file]; edit != "" && kept {
			wanted = edit + wanted
		}
		switch {
		case strings.HasPrefix(file, ".fastman/"), strings.HasPrefix(filepath.Base(file), ".env"), isHistory(file):
		case !kept && edits[file] == "":
			t.Errorf("%s: was left", file)
		case slices.Contains([]string{"settings.py", "requirements.txt"}, filepath.Base(file)): // in the order in which they came
			if sorted(text) != sorted(wanted) {
				t.Errorf("%s: differs from a direct install:\n%s", file, firstDifference(sorted(text), sorted(wanted)))
			}
		case kept && text != wanted:
			t.Errorf("%s: differs from a direct install:\n%s", file, firstDifference(text, wanted))
		}
	}
	for file := range want {
		if _, there := got[file]; !there {
			t.Errorf("%s: is missing", file)
		}
	}
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	lines = slices.Compact(lines)
	return strings.Join(lines, "\n")
}

func isHistory(file string) bool {
	return strings.Contains(file, "alembic") || strings.HasSuffix(file, ".sql")
}

// editFiles puts a line of the user's on top of some emitted files and of one of his own.
func editFiles(t *testing.T, dir, stack string) map[string]string {
	t.Helper()
	edits := map[string]string{
		"app/features/auth/router.py":   "# mine\n",
		"app/features/auth/sessions.py": "# mine as well\n",
		"app/main.py":                   "# my app\n",
	}
	if stack == "go" {
		edits = map[string]string{"internal/auth/handlers.go": "// Mine.\n\n", "internal/auth/config.go": "// Mine as well.\n\n", "main.go": "// My app.\n\n"}
	}
	for file, line := range edits {
		path := filepath.Join(dir, filepath.FromSlash(file))
		old, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			delete(edits, file)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append([]byte(line), old...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return edits
}

// change installs what to has more than from, and removes what it has less.
func change(t *testing.T, library *templates.Library, dir string, from, to feature.Set) {
	t.Helper()
	common := install.Common{Dir: dir, NoDeps: true, NoBoot: true, Yes: true, Templates: library}
	if more := to.Minus(from); !more.Empty() {
		_, err := install.Auth(context.Background(), install.AuthOptions{Common: common, Types: more.Types(), Providers: more.Providers(), UI: more.UI(), Prefix: "/auth", UsersTable: "users"})
		if err != nil {
			t.Fatal(err)
		}
	}
	less := from.Minus(to)
	if less.Empty() {
		return
	}
	o := install.RemoveOptions{Common: common, Types: less.Types(), Providers: less.Providers(), UI: less.UI(), All: to.Empty()}
	for _, t := range []feature.Type{feature.OAuth, feature.Passkey} { // of which only a part goes
		if to.Has(t) {
			o.Types = slices.DeleteFunc(o.Types, func(gone feature.Type) bool { return gone == t })
		}
	}
	if o.All {
		o.Types, o.Providers, o.UI = nil, nil, false
	}
	if _, err := install.RemoveAuth(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}

// pairProject is a small project with settings of its own, so that they are edited.
func pairProject(t *testing.T, stack string) string {
	t.Helper()
	files := map[string]string{
		"requirements.txt": "fastapi\n", ".env": "DEBUG=1\n", ".env.example": "DEBUG=\n", "app/__init__.py": "",
		"app/main.py":     "from fastapi import FastAPI\n\napp = FastAPI()\n",
		"app/settings.py": "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n    DEBUG: bool = False\n\n\nsettings = Settings()\n",
	}
	if stack == "go" {
		files = map[string]string{
			"go.mod": "module example.com/shop\n\ngo 1.26\n", ".env": "DEBUG=1\n",
			"main.go": "package main\n\nimport \"net/http\"\n\nfunc main() {\n\tmux := http.NewServeMux()\n\t_ = http.ListenAndServe(\":8080\", mux)\n}\n",
		}
	}
	dir := filepath.Join(t.TempDir(), "shop")
	for file, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readTree returns the files by path. What is asked for by the app and by its tests is
// one list: a package may have been both.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		rel, _ := filepath.Rel(dir, file)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if dev, found := all["requirements-dev.txt"]; found {
		delete(all, "requirements-dev.txt")
		all["requirements.txt"] += strings.TrimPrefix(dev, "-r requirements.txt\n")
	}
	return all
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer: " + strings.Join(append(g[min(len(g), len(w)):], w[min(len(g), len(w)):]...), "\n")
}
