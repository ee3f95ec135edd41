package deps

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fastman/internal/plan"
)

// managed is a project of one manager: what it is before fastman comes, and how its user
// brings it up to date, adds a package (none of pip) and has the lock checked.
type managed struct {
	files              map[string]string
	sync, more, locked []string
}

func managedProjects(t *testing.T) map[string]managed {
	const project = "[project]\r\nname = \"x\"\r\nversion = \"0.1.0\"\r\nrequires-python = \">=3.10\"\r\ndependencies = [ \"zipp>=3\" ] # few\r\n"
	pip := []string{".venv/bin/python", "-m", "pip"}
	venv := []string{"sh", "-c", "$UV_PYTHON -m venv .venv && .venv/bin/python -m pip install -q zipp"}
	poetryFile := strings.Replace(strings.Replace(poetryProject, "INDEX", index(t), 1), "<4\"\n", "<4\"\nzipp = \"*\" # mine\n", 1)
	return map[string]managed{
		"uv": {map[string]string{"pyproject.toml": project + "[tool.uv]\r\npackage = false"},
			[]string{"uv", "sync"}, []string{"uv", "add", "idna"}, []string{"uv", "lock", "--check"}},
		"uv, never locked": {map[string]string{"pyproject.toml": project + "[tool.uv]\r\npackage = false"},
			[]string{"true"}, []string{"uv", "add", "idna"}, []string{"true"}},
		"poetry": {map[string]string{"pyproject.toml": poetryFile},
			[]string{"poetry", "install", "--no-root"}, []string{"poetry", "add", "idna"}, []string{"poetry", "check", "--lock"}},
		"pipenv": {map[string]string{"Pipfile": "[packages]\n# mine\nzipp = '*'"},
			[]string{"pipenv", "install"}, []string{"pipenv", "install", "idna"}, []string{"pipenv", "verify"}},
		"pip": {map[string]string{"requirements.txt": "zipp # mine"},
			venv, nil, append(pip, "check")},
		"pip with a pyproject.toml": {map[string]string{"pyproject.toml": project},
			venv, nil, append(pip, "check")},
	}
}

// in runs a command in the project, which has to succeed.
func in(t *testing.T, root string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), quiet...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

func committed(t *testing.T, root string) {
	t.Helper()
	in(t, root, "git", "init", "-q")
	in(t, root, "git", "config", "core.autocrlf", "false")
	in(t, root, "git", "add", ".")
	in(t, root, "git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x")
}

// begun is the project as its user has it, with fastman's packages added.
func begun(t *testing.T, m managed) (root string, p Project, r Removal) {
	python := realTools(t)
	m.files[".gitignore"] = ".venv\n"
	root = folder(t, m.files)
	in(t, root, m.sync...)
	committed(t, root)
	p = Project{Root: root, Python: python}
	if venv := filepath.Join(root, ".venv"); exists(venv) {
		p.Python, p.Venv = venvPython(venv), venv
	}
	add, err := New(p, small)
	if err != nil {
		t.Fatal(err)
	}
	r = installed(t, root, add)
	if err := add.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	left(t, root, add, r)
	p.Venv = filepath.Join(root, ".venv")
	p.Python = venvPython(p.Venv)
	imports(t, p.Python, "iniconfig", "sniffio")
	return root, p, r
}

// applied writes the planned files.
func applied(t *testing.T, root string, p *Plan) {
	t.Helper()
	for _, f := range p.Files() {
		if err := plan.ReplaceFile(filepath.Join(root, filepath.FromSlash(f.Path)), f.New); err != nil {
			t.Fatal(err)
		}
	}
}

// offline takes the network away from every manager.
func offline(t *testing.T) {
	for _, key := range []string{"UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(key, "http://127.0.0.1:9")
	}
	t.Setenv("UV_OFFLINE", "1")
	t.Setenv("UV_CACHE_DIR", t.TempDir())
	t.Setenv("POETRY_CACHE_DIR", t.TempDir())
}

func gone(t *testing.T, python string, modules ...string) {
	t.Helper()
	for _, module := range modules {
		if out, err := exec.Command(python, "-I", "-c", "import "+module).CombinedOutput(); err == nil {
			t.Errorf("%s is still there: %s", module, out)
		}
	}
}

// Whatever manages the packages: once they are out again git sees no change, in manifest
// or lock, they import no longer, and none of it needs a network.
func TestRealRemoval(t *testing.T) {
	for name, m := range managedProjects(t) {
		t.Run(name, func(t *testing.T) {
			root, p, r := begun(t, m)
			var removal *Plan
			t.Run("offline", func(t *testing.T) {
				offline(t)
				removal = removed(t, p, r)
				if status := in(t, root, "git", "status", "--porcelain"); status != "" {
					t.Errorf("%s%s", status, in(t, root, "git", "diff"))
				}
				if len(removal.Commands())+len(removal.Notes())+len(removal.Todo()) > 0 || !slices.Equal(removal.Removed(), r.Added) {
					t.Errorf("left %q, notes %q, to do %q, removed %q", removal.Commands(), removal.Notes(), removal.Todo(), removal.Removed())
				}
				gone(t, p.Python, "iniconfig", "sniffio")
			})
			thereAndBack(t, p, removal)
			if again, err := NewRemoval(p, r); err != nil || !again.Empty() {
				t.Errorf("again: %v %q %v", err, again.Commands(), edited(again))
			}
			in(t, root, m.locked...)
		})
	}
}

// thereAndBack undoes a removal, as after a failed boot check, and redoes it.
func thereAndBack(t *testing.T, p Project, removal *Plan) {
	t.Helper()
	after := manifestBytes(t, removal)
	if err := removal.Undo(context.Background(), nil); err != nil {
		t.Error(err)
	}
	imports(t, p.Python, "iniconfig", "sniffio")
	if err := removal.Redo(context.Background(), nil); err != nil {
		t.Error(err)
	}
	gone(t, p.Python, "iniconfig", "sniffio")
	if got := manifestBytes(t, removal); !maps.Equal(got, after) || len(removal.Commands()) > 0 {
		t.Errorf("%q, left %q", got, removal.Commands())
	}
}

func removed(t *testing.T, p Project, r Removal) *Plan {
	t.Helper()
	removal, err := NewRemoval(p, r)
	if err != nil {
		t.Fatal(err)
	}
	applied(t, p.Root, removal)
	if err := removal.Run(context.Background(), nil); err != nil {
		t.Error(err)
	}
	return removal
}

// A package that the user added in between stays, in manifest, lock and environment,
// and the lock fits the manifest. While there is no network the manifest is right and
// the one thing that is missing is named.
func TestRealRemovalAfterAChange(t *testing.T) {
	for name, m := range managedProjects(t) {
		if m.more == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			root, p, r := begun(t, m)
			in(t, root, m.more...)
			removal, err := NewRemoval(p, r)
			if err != nil {
				t.Fatal(err)
			}
			if len(removal.Notes()) != 1 || !strings.Contains(removal.Notes()[0], "was changed since") {
				t.Errorf("%q", removal.Notes())
			}
			applied(t, root, removal)
			t.Run("offline", func(t *testing.T) { withoutNetwork(t, removal) })
			if err := removal.Run(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
			in(t, root, m.locked...)
			gone(t, p.Python, "iniconfig", "sniffio")
			imports(t, p.Python, "zipp")
			thereAndBack(t, p, removal)
			for _, f := range removal.Files() {
				if now, _ := os.ReadFile(filepath.Join(root, f.Path)); string(now) != string(f.New) {
					t.Errorf("%s is no longer what was planned: %s", f.Path, now)
				}
			}
			for _, file := range append(removal.Manifests(), removal.manager.manifest) {
				text, _ := os.ReadFile(filepath.Join(root, file))
				if named := strings.Contains(string(text), "iniconfig") || strings.Contains(string(text), "sniffio"); named || len(text) > 0 && !strings.Contains(string(text), "idna") {
					t.Errorf("%s: %s", file, text)
				}
			}
		})
	}
}

func withoutNetwork(t *testing.T, removal *Plan) {
	t.Helper()
	offline(t)
	commands := removal.Commands()
	before := manifestBytes(t, removal)
	if err := removal.Run(context.Background(), nil); err == nil {
		t.Error("it needed no network")
	}
	if got := removal.Commands(); !slices.Equal(got, commands) {
		t.Errorf("left: %q", got)
	}
	for file, text := range manifestBytes(t, removal) {
		if text != before[file] {
			t.Errorf("%s has changed", file)
		}
	}
}
