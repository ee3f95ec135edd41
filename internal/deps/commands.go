package deps

import (
	"fmt"
	"path/filepath"
	"slices"

	"fastman/internal/run"
)

// toolCommands are those of the managers that write their manifest themselves.
func (p *Plan) toolCommands() {
	app, dev := split(p.missing)
	forms := map[kind]struct{ app, dev, all []string }{
		uv:     {[]string{"uv", "add"}, []string{"uv", "add", "--dev"}, []string{"uv", "sync"}},
		poetry: {[]string{"poetry", "add"}, []string{"poetry", "add", "--group", "dev"}, []string{"poetry", "install", "--no-root"}},
		pipenv: {[]string{"pipenv", "install"}, []string{"pipenv", "install", "--dev"}, []string{"pipenv", "install", "--dev"}},
	}
	form := forms[p.manager.kind]
	// uv installs the whole project with whatever it adds; the others do not.
	if lacks(p.env.installed, p.declared.entries) && (p.manager.kind != uv || len(p.missing) == 0) {
		p.add(form.all...)
	}
	if len(app) > 0 {
		p.add(append(form.app, specs(app)...)...)
	}
	if len(dev) > 0 {
		p.add(append(form.dev, specs(dev)...)...)
	}
}

// pipCommands install what lacks into the environment, which is made first when
// the project has none of its own.
func (p *Plan) pipCommands() {
	python := p.env.python
	fresh := p.env.venv == "" && !p.env.usable
	var wanted []string
	switch {
	case fresh || lacks(p.env.installed, p.declared.entries):
		wanted = p.everything()
	default:
		wanted = specs(p.missing)
	}
	if len(wanted) == 0 {
		return
	}
	if fresh {
		p.add(python, "-m", "venv", ".venv")
		python = venvPython(p.newVenv())
	}
	p.add(append(p.installer(python, fresh), wanted...)...)
}

// installer is pip, or uv for an environment that uv made without pip.
func (p *Plan) installer(python string, fresh bool) []string {
	_, hasPip := p.env.installed["pip"]
	if !fresh && !hasPip && p.env.venv != "" {
		if _, err := run.LookPath("uv"); err == nil {
			return []string{"uv", "pip", "install", "--python", python}
		}
		p.add(python, "-m", "ensurepip")
	}
	return []string{python, "-m", "pip", "install"}
}

// everything is what pip is told to install the whole project. The project itself
// is not built: an app need not be a package.
func (p *Plan) everything() []string {
	var args []string
	if p.manager.kind == pipRequirements {
		files := slices.Clone(p.declared.files)
		for _, f := range p.files {
			if !slices.Contains(files, f.Path) {
				files = append(files, f.Path)
			}
		}
		for _, file := range files {
			rel, _ := filepath.Rel(p.dir(), p.full(file))
			args = append(args, "-r", filepath.ToSlash(rel))
		}
		return args
	}
	for _, e := range p.declared.entries {
		if e.spec != "" {
			args = append(args, e.spec)
		}
	}
	return append(args, specs(p.missing)...)
}

func (p *Plan) add(args ...string) {
	p.commands = append(p.commands, command{args: slices.Clone(args)})
}

// program finds a manager: on PATH, or installed in the project's environment.
func (p *Plan) program(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	if found, err := run.LookPath(name); err == nil {
		return found, nil
	}
	if own := filepath.Join(programs(p.env.venv), name+exe()); p.env.venv != "" && isFile(own) {
		return own, nil
	}
	return "", fmt.Errorf("%s is not on PATH, and this project is managed with it", name)
}
