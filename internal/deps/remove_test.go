package deps

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// installed does what an install does with the plan's files, and keeps what it keeps.
func installed(t *testing.T, root string, p *Plan) Removal {
	t.Helper()
	r := Removal{Added: p.Added(), Originals: map[string]string{}, Left: map[string]string{}, Hash: sum,
		Uses: func(_, _ []string) string { return "" }}
	for file, text := range p.Originals() {
		r.Originals[file] = string(text)
	}
	if err := write(t, root, p.Files()); err != nil {
		t.Fatal(err)
	}
	left(t, root, p, r)
	return r
}

// left takes the hashes of what the plan has changed.
func left(t *testing.T, root string, p *Plan, r Removal) {
	t.Helper()
	for _, file := range p.Manifests() {
		data, err := readManifest(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		r.Left[file] = sum(data)
	}
}

// edited are the planned files; "-" stands for none.
func edited(p *Plan) map[string]string {
	all := map[string]string{}
	for _, f := range p.Files() {
		all[f.Path] = string(f.New)
		if f.New == nil {
			all[f.Path] = "-"
		}
	}
	return all
}

// What pip's files were before comes back when nobody touched them: every byte, and a
// file that was made goes. What the user changed keeps their change.
func TestRemovalOfPip(t *testing.T) {
	const pyproject = "[project]\r\nname = \"x\"\r\ndependencies = [ ] # none yet"
	cases := []struct {
		name   string
		files  map[string]string
		change map[string]string // old text to new, in what the install left
		want   map[string]string
		note   string
	}{
		{"untouched", map[string]string{"requirements.txt": "fastapi\r\n# end"}, nil,
			map[string]string{"requirements.txt": "fastapi\r\n# end", "requirements-dev.txt": "-"}, ""},
		{"no file", map[string]string{"main.py": ""}, nil, map[string]string{"requirements.txt": "-", "requirements-dev.txt": "-"}, ""},
		{"one more", map[string]string{"requirements.txt": "fastapi\n"}, map[string]string{"fastapi\n": "fastapi\nredis # mine\n"},
			map[string]string{"requirements.txt": "fastapi\nredis # mine\n", "requirements-dev.txt": "-"}, "requirements.txt was changed since"},
		{"raised", map[string]string{"requirements.txt": "fastapi\n"}, map[string]string{"PyJWT>=2.10": "pyjwt==2.12"},
			map[string]string{"requirements.txt": "fastapi\n", "requirements-dev.txt": "-"}, "requirements.txt was changed since"},
		{"made file, one more", map[string]string{"requirements.txt": "fastapi\n"}, map[string]string{"pytest>=8\n": "pytest>=8\nruff\n"},
			map[string]string{"requirements.txt": "fastapi\n", "requirements-dev.txt": "-r requirements.txt\nruff\n"}, "requirements-dev.txt was changed since"},
		{"pyproject", map[string]string{"pyproject.toml": pyproject}, nil, map[string]string{"pyproject.toml": pyproject}, ""},
		{"pyproject, one more", map[string]string{"pyproject.toml": pyproject}, map[string]string{"\"x\"": "\"y\""},
			map[string]string{"pyproject.toml": "[project]\r\nname = \"y\"\r\ndependencies = [] # none yet\r\n"}, "pyproject.toml was changed since"},
		{"checked out with CRLF", map[string]string{"requirements.txt": "fastapi\nuvicorn\n"}, map[string]string{"\n": "\r\n"},
			map[string]string{"requirements.txt": "fastapi\r\nuvicorn\r\n", "requirements-dev.txt": "-"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := folder(t, c.files)
			p, err := New(Project{Root: root, Python: "python3"}, tools[1:])
			if err != nil {
				t.Fatal(err)
			}
			r := installed(t, root, p)
			r.Hash = func(data []byte) string { return sum([]byte(strings.ReplaceAll(string(data), "\r\n", "\n"))) }
			for file := range r.Left {
				data, _ := os.ReadFile(filepath.Join(root, file))
				r.Left[file] = r.Hash(data)
				text := string(data)
				for old, now := range c.change {
					text = strings.ReplaceAll(text, old, now)
				}
				if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			removal, err := NewRemoval(Project{Root: root, Python: "python3"}, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := edited(removal); !maps.Equal(got, c.want) {
				t.Errorf("%q", got)
			}
			if !slices.Equal(removal.Removed(), p.Added()) || len(removal.Commands()) > 0 || len(removal.Todo()) > 0 {
				t.Errorf("removed %q, commands %q, left to do %q", removal.Removed(), removal.Commands(), removal.Todo())
			}
			if notes := strings.Join(removal.Notes(), "\n"); (notes == "") != (c.note == "") || !strings.Contains(notes, c.note) {
				t.Errorf("%q", notes)
			}
		})
	}
}

// A package that the user's code has taken up stays declared and is named with the
// file; then the original does not come back.
func TestRemovalKeepsWhatIsUsed(t *testing.T) {
	root := folder(t, map[string]string{"requirements.txt": "fastapi"})
	p, err := New(Project{Root: root, Python: "python3"}, tools[1:3])
	if err != nil {
		t.Fatal(err)
	}
	r := installed(t, root, p)
	r.Traces = map[string]Trace{"pyjwt": {Imports: []string{"jwt"}}}
	r.Uses = Search(maps.All(map[string][]byte{"app/items.py": []byte("import os, jwt\n")}))
	removal, err := NewRemoval(Project{Root: root, Python: "python3"}, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := edited(removal); got["requirements.txt"] != "fastapi\nPyJWT>=2.10" {
		t.Errorf("%q", got)
	}
	if want := []string{"pyjwt stays: app/items.py uses it"}; !slices.Equal(removal.Notes(), want) {
		t.Errorf("%q", removal.Notes())
	}
	if want := []string{"psycopg[binary]>=3.2"}; !slices.Equal(removal.Removed(), want) {
		t.Errorf("%q", removal.Removed())
	}
}

// Taking out some of fastman's packages leaves the others, and the user's own entry of
// one that fastman wanted elsewhere.
func TestRemovalInPart(t *testing.T) {
	const before = "[project]\nname = \"x\"\ndependencies = []\n\n[dependency-groups]\ndev = [\"pyjwt\"]\n"
	root := folder(t, map[string]string{"pyproject.toml": before})
	p, err := New(Project{Root: root, Python: "python3"}, tools[:3])
	if err != nil {
		t.Fatal(err)
	}
	r := installed(t, root, p)
	r.Added = []string{"PyJWT>=2.10"}
	removal, err := NewRemoval(Project{Root: root, Python: "python3"}, r)
	want := strings.Replace(before, "[]", `["fastapi>=0.110", "psycopg[binary]>=3.2"]`, 1)
	if err != nil || edited(removal)["pyproject.toml"] != want || len(removal.Notes()) > 0 {
		t.Errorf("%v %q %q", err, edited(removal), removal.Notes())
	}
}

// What can't be cut out is left to the user by name; what is compiled has to be
// compiled again.
func TestRemovalLeavesToDo(t *testing.T) {
	root := folder(t, map[string]string{"pyproject.toml": "[build-system]\nbuild-backend = \"poetry.x\"\n[tool]\npoetry = {name = \"x\", dependencies = {pyjwt = \"*\"}}\n"})
	r := Removal{Added: []string{"pyjwt>=2"}, Hash: sum, Uses: func(_, _ []string) string { return "" }}
	p, err := NewRemoval(Project{Root: root, Python: "python3"}, r)
	if err != nil || len(p.Files())+len(p.Commands()) > 0 || len(p.Todo()) != 1 || !strings.Contains(p.Todo()[0], "by hand: pyjwt") {
		t.Errorf("%v %q %q", err, p.Todo(), p.Commands())
	}
	root = folder(t, map[string]string{"requirements.in": "fastapi\npyjwt\n", "requirements.txt": "# autogenerated by pip-compile\npyjwt==2\n"})
	p, err = NewRemoval(Project{Root: root, Python: "python3"}, r)
	if err != nil || edited(p)["requirements.in"] != "fastapi\n" || len(p.Todo()) != 1 || !strings.Contains(p.Todo()[0], "compile it again") {
		t.Errorf("%v %q %q", err, p.Todo(), edited(p))
	}
}

// Packages that the user took out are no matter.
func TestRemovalOfNothing(t *testing.T) {
	root := folder(t, map[string]string{"pyproject.toml": plainProject, "uv.lock": "x"})
	p, err := NewRemoval(Project{Root: root, Python: "python3"}, Removal{Added: []string{"pyjwt>=2"}, Hash: sum, Uses: func(_, _ []string) string { return "" }})
	if err != nil || !p.Empty() || len(p.Removed())+len(p.Notes()) > 0 {
		t.Errorf("%v %q %q", err, p.Commands(), p.Notes())
	}
}
