package deps

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fastman/internal/plan"
	"fastman/internal/run"
	"fastman/internal/testbed"
)

// Two small packages without dependencies stand for the real ones.
var small = []Need{{Name: "iniconfig", Spec: ">=2"}, {Name: "sniffio", Spec: ">=1.3", Dev: true}}

// poetryProject names the index by its simple form, which mirrors have too; left to
// itself poetry asks another interface of it.
const poetryProject = `[tool.poetry]
name = "x"
version = "0.1.0"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = ">=3.10,<4"

[[tool.poetry.source]]
name = "simple"
url = "INDEX"
priority = "primary"
`

// index is where pip looks for packages when nothing else is configured.
func index(t *testing.T) string {
	t.Helper()
	const ask = "from pip._internal.models.index import PyPI; print(PyPI.simple_url, end='')"
	res, err := run.Run(context.Background(), run.Spec{Args: []string{filepath.Join(testbed.Tools(t, "uv", "poetry", "pipenv"), "python"), "-c", ask}})
	if err != nil {
		t.Fatal(err)
	}
	return string(res.Stdout)
}

// realTools puts uv, poetry and pipenv on PATH and returns a bare interpreter.
func realTools(t *testing.T) string {
	t.Helper()
	bin := testbed.Tools(t, "uv", "poetry", "pipenv")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for key, value := range map[string]string{
		"VIRTUAL_ENV": "", "UV_PROJECT_ENVIRONMENT": "", "UV_PYTHON_DOWNLOADS": "never",
		"POETRY_VIRTUALENVS_IN_PROJECT": "true", "PIPENV_VENV_IN_PROJECT": "1", "PIPENV_IGNORE_VIRTUALENVS": "1",
	} {
		t.Setenv(key, value)
	}
	_ = os.Unsetenv("VIRTUAL_ENV")
	res, err := run.Run(context.Background(), run.Spec{Args: []string{filepath.Join(bin, "python"), "-c", "import sys; print(sys._base_executable, end='')"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("UV_PYTHON", string(res.Stdout))
	return string(res.Stdout)
}

// The project's own manager adds both packages; they import; its manifest names
// them; a second look finds nothing to do; an undo gives every manifest back.
func TestRealManagers(t *testing.T) {
	python := realTools(t)
	const project = "[project]\nname = \"x\"\nversion = \"0.1.0\"\nrequires-python = \">=3.10\"\ndependencies = [] # none\n"
	cases := []struct {
		name, manifest string
		files          map[string]string
	}{
		{"uv", "pyproject.toml", map[string]string{"pyproject.toml": project + "[tool.uv]\npackage = false\n"}},
		{"poetry", "pyproject.toml", map[string]string{"pyproject.toml": strings.Replace(poetryProject, "INDEX", index(t), 1)}},
		{"pipenv", "Pipfile", map[string]string{"Pipfile": "[packages]\n\n[dev-packages]\n"}},
		{"requirements", "requirements.txt", map[string]string{"requirements.txt": "# mine\n"}},
		{"pyproject", "pyproject.toml", map[string]string{"pyproject.toml": project}},
		{"nothing", "requirements.txt", map[string]string{"main.py": ""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := folder(t, c.files)
			p := look(t, root, python, "")
			if err := write(t, root, p.Files()); err != nil {
				t.Fatal(err)
			}
			if err := p.Run(context.Background(), func(line string) { t.Log(line) }); err != nil {
				t.Fatal(err)
			}
			if len(p.Commands()) > 0 {
				t.Errorf("left: %q", p.Commands())
			}
			imports(t, p.Python(), "iniconfig", "sniffio")
			if text, err := os.ReadFile(filepath.Join(root, c.manifest)); err != nil || !bytes.Contains(text, []byte("iniconfig")) {
				t.Errorf("%s: %s %v", c.manifest, text, err)
			}
			if again := look(t, root, python, filepath.Dir(filepath.Dir(p.Python()))); !again.Empty() {
				t.Errorf("again: %q %q", again.Commands(), again.Added())
			}
			undone(t, root, p, c.files)
		})
	}
}

func look(t *testing.T, root, python, venv string) *Plan {
	t.Helper()
	p, err := New(Project{Root: root, Python: python, Venv: venv}, small)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write makes the planned edits as an install does.
func write(t *testing.T, root string, files []FileEdit) error {
	t.Helper()
	held, err := plan.Lock(root)
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }()
	p, err := plan.New(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := p.Write(f.Path, f.Old, f.New, 0o644); err != nil {
			return err
		}
	}
	applied, err := p.Apply(context.Background())
	if err != nil {
		return err
	}
	return applied.Done()
}

func imports(t *testing.T, python string, modules ...string) {
	t.Helper()
	res, err := run.Run(context.Background(), run.Spec{Args: []string{python, "-I", "-c", "import " + strings.Join(modules, ", ")}, Timeout: time.Minute})
	if err != nil {
		t.Errorf("%s: %v\n%s", python, err, res.Stderr)
	}
}

// undone checks Undo, Redo and Clean for the managers that write by themselves;
// pip's files are the plan's to undo.
func undone(t *testing.T, root string, p *Plan, before map[string]string) {
	t.Helper()
	after := manifestBytes(t, p)
	if err := p.Undo(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for file, text := range manifestBytes(t, p) {
		if want := before[filepath.Base(file)]; text != want {
			t.Errorf("%s is %q after the undo", file, text)
		}
	}
	if err := p.Redo(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for file, text := range manifestBytes(t, p) {
		if text != after[file] {
			t.Errorf("%s did not come back", file)
		}
	}
	if err := p.Clean(); err != nil || exists(filepath.Join(root, ".venv")) {
		t.Errorf("the environment is left: %v", err)
	}
}

func manifestBytes(t *testing.T, p *Plan) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range p.manifests() {
		data, err := readManifest(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(data)
	}
	return all
}

// A package that does not exist fails with the tool's words; the manifest is as
// before, and the command to run later is named.
func TestRealFailure(t *testing.T) {
	python := realTools(t)
	const project = "[project]\nname = \"x\"\nversion = \"0.1.0\"\nrequires-python = \">=3.10\"\ndependencies = []\n[tool.uv]\npackage = false\n"
	root := folder(t, map[string]string{"pyproject.toml": project})
	p, err := New(Project{Root: root, Python: python}, []Need{{Name: "iniconfig"}, {Name: "fastman-no-such-package-zz", Dev: true}})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(context.Background(), nil)
	if err == nil || !strings.Contains(err.Error(), "fastman-no-such-package-zz") {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(root, "pyproject.toml")); string(text) != project {
		t.Errorf("%s", text)
	}
	if got := p.Commands(); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// A manager that is not installed is named.
func TestManagerNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	root := folder(t, map[string]string{"pyproject.toml": poetryTable})
	p, err := New(Project{Root: root, Python: "python3"}, small)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "poetry is not on PATH") {
		t.Fatal(err)
	}
	if len(p.Commands()) == 0 {
		t.Error("no command is named")
	}
}
