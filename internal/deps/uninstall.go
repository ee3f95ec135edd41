package deps

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/run"
)

// uninstall plans what goes from the environment. A package that another manifest entry
// or an installed package still requires stays.
func (r *remover) uninstall() {
	p := r.plan
	if len(p.files) == 0 || p.env.venv == "" {
		return
	}
	names := slices.Clone(r.came)
	for _, e := range r.going {
		names = append(names, e.name)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(r.spared, name) })
	slices.Sort(names)
	names = p.loose(slices.Compact(names), without(p.declared.entries, r.going))
	tool, back := p.uninstaller()
	switch {
	case len(names) == 0 || tool == nil:
		return
	case !p.ownsEnvironment():
		p.notes = append(p.notes, p.env.venv+" is outside this project: what is installed there stays")
		return
	case p.manager.kind != pipenv || len(p.commands) == 0: // pipenv does it as it locks
		p.add(append(tool, names...)...)
	}
	p.rememberVersions(names, back)
}

// rememberVersions notes how what each command uninstalls is installed again.
func (p *Plan) rememberVersions(names, back []string) {
	for i := range p.commands {
		c := &p.commands[i]
		var versions []string
		for _, name := range names {
			if slices.Contains(c.args[2:], name) {
				versions = append(versions, name+"=="+p.env.installed[name])
			}
		}
		if versions != nil {
			c.back = slices.Concat(back, versions)
		}
	}
}

// ownsEnvironment: uv, poetry and pipenv keep one for each project, wherever it is; one
// of pip's may be shared unless it stands in the project.
func (p *Plan) ownsEnvironment() bool {
	rel, err := filepath.Rel(p.project.Root, p.env.venv)
	return p.manager.kind.editsItself() || err == nil && filepath.IsLocal(rel)
}

// uninstaller is pip, or uv for an environment without it, and the way back; nil when
// there is neither.
func (p *Plan) uninstaller() (tool, back []string) {
	_, hasPip := p.env.installed["pip"]
	_, err := run.LookPath("uv")
	python := p.env.python
	switch {
	case p.manager.kind == uv || !hasPip && err == nil:
		return []string{"uv", "pip", "uninstall", "--python", python}, []string{"uv", "pip", "install", "--no-deps", "--python", python}
	case hasPip:
		return []string{python, "-m", "pip", "uninstall", "-y"}, []string{python, "-m", "pip", "install", "--no-deps"}
	}
	return nil, nil
}

// loose are those of the packages that are installed and that nothing else there and
// no entry needs.
func (p *Plan) loose(names []string, entries []entry) []string {
	for dist := range p.env.installed {
		if !slices.Contains(names, dist) {
			entries = append(entries, entry{name: dist})
		}
	}
	needed := p.requirements().reach(entries)
	return slices.DeleteFunc(names, func(name string) bool {
		_, there := p.env.installed[name]
		_, needs := needed[name]
		return !there || needs
	})
}

// required are the requirements of each installed package.
type required map[string][]requirement

type requirement struct {
	name, extras string // the package that is required, and what of it
	ifExtra      string // required only by those who want this extra
}

var (
	requiresDist = regexp.MustCompile(`(?m)^Requires-Dist:\s*(.+?)\s*$`)
	extraMarker  = regexp.MustCompile(`extra\s*==\s*["']([^"']+)["']`)
)

// requirements reads what each package of the environment says it requires.
func (p *Plan) requirements() required {
	all := required{}
	if p.env.venv == "" {
		return all
	}
	for _, folder := range sitePackages(p.env.venv) {
		files, _ := filepath.Glob(filepath.Join(folder, "*.dist-info", "METADATA"))
		for _, file := range files {
			m := distribution.FindStringSubmatch(filepath.Base(filepath.Dir(file)))
			text, err := os.ReadFile(file)
			if m == nil || err != nil {
				continue
			}
			head, _, _ := strings.Cut(string(text), "\n\n")
			name := edit.PackageName(m[1])
			for _, line := range requiresDist.FindAllStringSubmatch(head, -1) {
				r := requirement{name: edit.PackageName(line[1]), extras: edit.PackageExtras(line[1])}
				if extra := extraMarker.FindStringSubmatch(line[1]); extra != nil {
					r.ifExtra = extra[1]
				}
				all[name] = append(all[name], r)
			}
		}
	}
	return all
}

// reach are the entries' packages and all that they require, with the extras that are
// asked of each.
func (all required) reach(entries []entry) map[string]string {
	found := map[string]string{}
	var take func(name, extras string)
	take = func(name, extras string) {
		had, seen := found[name]
		if seen && (extras == "" || hasExtra(had, extras)) {
			return
		}
		found[name] = had + "," + extras
		for _, r := range all[name] {
			if r.ifExtra == "" || hasExtra(found[name], r.ifExtra) {
				take(r.name, r.extras)
			}
		}
	}
	for _, e := range entries {
		take(e.name, e.extras)
	}
	return found
}

// hasExtra reports whether all extras of the second list are in the first.
func hasExtra(extras, wanted string) bool {
	list := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return c == ',' || c == ' ' })
	}
	has := list(extras)
	return !slices.ContainsFunc(list(wanted), func(e string) bool { return !slices.Contains(has, e) })
}
