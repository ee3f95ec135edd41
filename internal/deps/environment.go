package deps

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"fastman/internal/edit"
	"fastman/internal/run"
)

// environment is where packages are or will be installed.
type environment struct {
	venv      string            // absolute; "" for none
	python    string            // absolute
	installed map[string]string // name to version
	usable    bool              // packages may be installed into it
}

// lookAt finds the environment that the project's packages are in.
func lookAt(p *Plan) environment {
	venv := p.project.Venv
	if p.manager.kind == uv { // whatever the shell has active, uv uses its own
		venv = filepath.Join(p.manager.uvRoot, ".venv")
		if own := os.Getenv("UV_PROJECT_ENVIRONMENT"); own != "" {
			venv = own
			if !filepath.IsAbs(own) {
				venv = filepath.Join(p.manager.uvRoot, own)
			}
		}
	}
	if venv != "" && isFile(filepath.Join(venv, "pyvenv.cfg")) {
		return environment{venv, venvPython(venv), Installed(venv), true}
	}
	if p.manager.kind.editsItself() {
		return environment{python: p.project.Python}
	}
	return p.bareEnvironment()
}

// bareEnvironment is an interpreter outside any virtual environment, as in a
// container. It is used when the project's packages already are in it and nobody
// else owns it (PEP 668).
func (p *Plan) bareEnvironment() environment {
	env := environment{python: p.project.Python}
	if len(p.declared.entries) == 0 {
		return env
	}
	packages, owned := p.bareFolders()
	if owned {
		return env
	}
	installed := installedIn(packages)
	if !lacks(installed, p.declared.entries) {
		env.installed, env.usable = installed, true
	}
	return env
}

// bareFolders are where an interpreter keeps its packages, and whether the system
// owns it (PEP 668). They follow from where it stands; asking it would cost as much
// time as all the rest.
func (p *Plan) bareFolders() (packages []string, owned bool) {
	python := p.project.Python
	if real, err := filepath.EvalSymlinks(python); err == nil {
		python = real
	}
	parts := strings.SplitN(p.project.Version, ".", 3)
	if runtime.GOOS == "windows" || len(parts) < 3 {
		lib := filepath.Join(filepath.Dir(python), "Lib")
		return []string{filepath.Join(lib, "site-packages")}, exists(filepath.Join(lib, "EXTERNALLY-MANAGED"))
	}
	lib := filepath.Join(filepath.Dir(filepath.Dir(python)), "lib", "python"+parts[0]+"."+parts[1])
	return []string{filepath.Join(lib, "site-packages")}, exists(filepath.Join(lib, "EXTERNALLY-MANAGED"))
}

// lacks reports whether a declared package of the app is not installed.
func lacks(installed map[string]string, entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool {
		_, there := installed[e.name]
		return !e.dev && !e.conditional && !there
	})
}

func venvPython(venv string) string { return filepath.Join(programs(venv), "python"+exe()) }

func programs(venv string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(venv, "Scripts")
	}
	return filepath.Join(venv, "bin")
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// Installed lists the packages of a virtual environment by normalised name.
func Installed(venv string) map[string]string {
	return installedIn(sitePackages(venv))
}

func sitePackages(venv string) []string {
	unix, _ := filepath.Glob(filepath.Join(venv, "lib", "python*", "site-packages"))
	return append(unix, filepath.Join(venv, "Lib", "site-packages"))
}

var distribution = regexp.MustCompile(`^(.+?)-(\d[^-]*)(?:-.*)?\.(?:dist|egg)-info$`)

func installedIn(folders []string) map[string]string {
	found := map[string]string{}
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder) // a folder that is not there holds nothing
		for _, e := range entries {
			if m := distribution.FindStringSubmatch(e.Name()); m != nil {
				found[edit.PackageName(m[1])] = m[2]
			}
		}
	}
	return found
}

// Python is the interpreter that has the packages, once Run has ended.
func (p *Plan) Python() string {
	switch p.manager.kind {
	case poetry:
		return p.askTool([]string{"poetry", "env", "info", "--executable"})
	case pipenv:
		return p.askTool([]string{"pipenv", "--py"})
	}
	if now := lookAt(p); now.venv != "" || now.usable {
		return now.python
	}
	if isFile(filepath.Join(p.newVenv(), "pyvenv.cfg")) {
		return venvPython(p.newVenv())
	}
	return p.env.python
}

// askTool asks poetry or pipenv where their environment is, when it is not the one
// that was found.
func (p *Plan) askTool(args []string) string {
	if p.env.venv != "" {
		return p.env.python
	}
	program, err := p.program(args[0])
	if err != nil {
		return p.env.python
	}
	res, err := run.Run(context.Background(), run.Spec{Args: append([]string{program}, args[1:]...), Dir: p.dir(), Env: quiet, Timeout: time.Minute})
	python := strings.TrimSpace(string(res.Stdout))
	if err != nil || !isFile(python) {
		return p.env.python
	}
	p.env.python, p.env.venv = python, filepath.Dir(filepath.Dir(python))
	return python
}

// Prefix goes before the name of a program of the project, typed in Root.
func (p *Plan) Prefix() string { return p.PrefixFrom(".") }

// PrefixFrom is Prefix for a command that is typed in a folder under Root.
func (p *Plan) PrefixFrom(dir string) string {
	if p.manager.kind.editsItself() {
		return p.Manager() + " run "
	}
	venv := p.env.venv
	if venv == "" && !p.env.usable {
		venv = p.newVenv()
	}
	if venv == "" || venv == os.Getenv("VIRTUAL_ENV") {
		return ""
	}
	if rel, err := filepath.Rel(p.full(dir), programs(venv)); err == nil {
		return rel + string(filepath.Separator)
	}
	return programs(venv) + string(filepath.Separator)
}

func (p *Plan) newVenv() string { return filepath.Join(p.dir(), ".venv") }
