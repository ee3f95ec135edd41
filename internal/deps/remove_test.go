package deps

import (
	"context"
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
	if err != nil || len(p.Files())+len(p.Commands()) > 0 || len(p.Removed()) > 0 || len(p.Todo()) != 1 || !strings.Contains(p.Todo()[0], "by hand: pyjwt") {
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

// What other packages bring needs no entry of ours: httpx comes with fastapi[standard],
// and then stays installed.
func TestRemovalOfWhatComesAnyway(t *testing.T) {
	files := venvFiles(map[string]string{"requirements.txt": "fastapi[standard]\nhttpx>=0.27\npyjwt\n"}, ".venv",
		"fastapi-1.0", "httpx-0.28", "PyJWT-2.12", "crypto-1", "loose-1")
	meta := func(dist, text string) {
		files[".venv/lib/python3.12/site-packages/"+dist+".dist-info/METADATA"] = text
	}
	meta("fastapi-1.0", "Name: fastapi\nRequires-Dist: httpx>=0.23; extra == \"standard\"\nRequires-Dist: pyjwt; extra == \"all\"\n\nRequires-Dist: loose\n")
	meta("PyJWT-2.12", "Requires-Dist: crypto\n")
	root := folder(t, files)
	r := Removal{Added: []string{"httpx>=0.27", "pyjwt"}, Originals: map[string]string{"requirements.txt": "fastapi[standard]\n"}, Hash: sum,
		Uses:   Search(maps.All(map[string][]byte{"tests/test_app.py": []byte("from fastapi.testclient import TestClient\n")})),
		Traces: map[string]Trace{"httpx": {Imports: []string{"httpx"}, Words: []string{"TestClient"}}}}
	p, err := NewRemoval(Project{Root: root, Python: "python3", Venv: filepath.Join(root, ".venv")}, r)
	if err != nil || edited(p)["requirements.txt"] != "fastapi[standard]\n" || len(p.Notes()) > 0 {
		t.Errorf("%v %q %q", err, edited(p), p.Notes())
	}
	if want := []string{".venv/bin/python -m pip uninstall -y pyjwt"}; !slices.Equal(slashed(p.Commands()), want) {
		t.Errorf("%q", p.Commands())
	}
}

// An environment that others may share is left alone, and named.
func TestRemovalLeavesSharedEnvironments(t *testing.T) {
	shared := folder(t, venvFiles(map[string]string{}, "v", "PyJWT-2.12"))
	root := folder(t, map[string]string{"requirements.txt": "pyjwt\n"})
	r := Removal{Added: []string{"pyjwt"}, Hash: sum, Uses: func(_, _ []string) string { return "" }}
	p, err := NewRemoval(Project{Root: root, Python: "python3", Venv: filepath.Join(shared, "v")}, r)
	if err != nil || len(p.Commands()) > 0 || len(p.Notes()) != 1 || !strings.Contains(p.Notes()[0], "is outside this project") {
		t.Errorf("%v %q %q", err, p.Commands(), p.Notes())
	}
}

// A use is seen in every form that Python and Go have for it, and only there.
func TestSearch(t *testing.T) {
	python := Trace{Imports: []string{"jwt", "multipart"}, Words: []string{"EmailStr", "Form(", "postgresql+psycopg", `"bcrypt"`}}
	for text, want := range map[string]bool{
		"import jwt": true, "import os, jwt as j": true, "from jwt.utils import x": true, "from jwt import (\n x)": true,
		"try: import jwt\nexcept: pass": true, "if x:\n\timport jwt\n": true, "import os; import jwt": true, "x = import_module('jwt')": true,
		"a: EmailStr": true, "x = Form()": true, "create_engine('postgresql+psycopg://h')": true, `schemes=["bcrypt"]`: true,
		"import jwt_x": false, "import pyjwt": false, "from app import jwt": false, "from x.jwt import y": false, "jwt = 1": false,
		"LoginForm()": false, "MyEmailStr": false, "'postgresql+psycopg2://h'": false, "import os # jwt": false, "# import is jwt": false, "": false,
	} {
		found := Search(maps.All(map[string][]byte{"a.py": []byte("x = 1\n" + text + "\n")}))(python.Imports, python.Words)
		if (found == "a.py") != want {
			t.Errorf("%q: %q", text, found)
		}
	}
	for text, want := range map[string]bool{
		`import "golang.org/x/net/idna"`: true, "import x `golang.org/x/net`": true, `import "golang.org/x/network"`: false, `// golang.org/x/net`: false,
	} {
		found := Search(maps.All(map[string][]byte{"a.go": []byte("package a\n" + text + "\n")}))([]string{"golang.org/x/net"}, nil)
		if (found == "a.go") != want {
			t.Errorf("%q: %q", text, found)
		}
	}
}

// Where the manager is not installed, or nothing is left of the environment, the
// manifests are right all the same and the command is named.
func TestRemovalWithoutItsManager(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	root := folder(t, map[string]string{"pyproject.toml": poetryTable + "pyjwt = \"^2\"\n", "poetry.lock": "# by Poetry 1.8\n"})
	r := Removal{Added: []string{"pyjwt>=2"}, Originals: map[string]string{"pyproject.toml": poetryTable}, Left: map[string]string{"pyproject.toml": "other"},
		Hash: sum, Uses: func(_, _ []string) string { return "" }}
	p, err := NewRemoval(Project{Root: root, Python: "python3", Venv: filepath.Join(root, ".venv")}, r)
	if err != nil || edited(p)["pyproject.toml"] != poetryTable {
		t.Fatalf("%v %q", err, edited(p))
	}
	if err := p.Run(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "poetry is not on PATH") {
		t.Error(err)
	}
	if want := []string{"poetry lock --no-update"}; !slices.Equal(p.Commands(), want) {
		t.Errorf("%q", p.Commands())
	}
}

// A file that is included from outside the project is never written.
func TestRemovalStaysInTheProject(t *testing.T) {
	outer := folder(t, map[string]string{"common.txt": "pyjwt\n", "shop/requirements.txt": "fastapi\n-r ../common.txt\n"})
	r := Removal{Added: []string{"pyjwt"}, Hash: sum, Uses: func(_, _ []string) string { return "" }}
	p, err := NewRemoval(Project{Root: filepath.Join(outer, "shop"), Python: "python3"}, r)
	if err != nil || !p.Empty() {
		t.Errorf("%v %q", err, edited(p))
	}
}
