// Package deps adds packages through the manager that the project uses itself:
// uv, poetry, pipenv, pip with a requirements file or a pyproject.toml, or go.
package deps

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
)

// Project is what is known of the project before its packages are looked at.
type Project struct {
	Root       string // absolute
	ImportRoot string // under Root, slash-separated; "" is Root itself
	Python     string // absolute path of the interpreter
	Version    string // of it: "3.12.1"
	Venv       string // the virtual environment of Python, "" when it has none
}

// Need is one package that the generated code imports.
type Need struct {
	Name   string // "psycopg"
	Spec   string // ">=3.2"
	Extras string // "binary"; of a Go module: its packages
	Dev    bool   // for tests only
}

// String is the requirement as PEP 508 has it.
func (n Need) String() string {
	if n.Extras != "" && !strings.HasPrefix(n.Spec, "@") {
		return n.Name + "[" + n.Extras + "]" + n.Spec
	}
	return n.Name + n.Spec
}

// FileEdit is a manifest as it will be. Old is nil for a new one, New for one that goes.
type FileEdit struct {
	Path     string // under Root
	Old, New []byte
	Puts     []edit.Put
}

// Plan is what is to be done so that the project has all packages it needs.
type Plan struct {
	project  Project
	module   *Module // of a Go project only
	manager  manager
	declared declared
	missing  []Need // neither declared nor, where the environment is known, there
	files    []FileEdit
	commands []command
	notes    []string

	removed []string // requirements that go
	todo    []string

	env      environment
	snapshot map[string][]byte // manifests before Run
	after    map[string][]byte // and after it, once undone
	absent   []string          // virtual environments that were not there before Run
}

// command is one call of a package manager, in the folder of the manifest.
type command struct {
	args []string
	back []string // of one that uninstalls: what installs the same again
	done bool
}

// New plans the packages. Nothing is run and nothing is written.
func New(p Project, needs []Need) (*Plan, error) {
	m, err := detect(p)
	if err != nil {
		return nil, err
	}
	d, err := m.declared()
	if err != nil {
		return nil, err
	}
	plan := &Plan{project: p, manager: m, declared: d}
	plan.env = lookAt(plan)
	for _, n := range needs {
		if !d.has(n) {
			plan.missing = append(plan.missing, n)
		}
	}
	if m.kind.editsItself() {
		plan.toolCommands()
		return plan, nil
	}
	if err := plan.editManifests(); err != nil {
		return nil, err
	}
	plan.pipCommands()
	return plan, nil
}

// Manager names what is used: "uv", "poetry", "pipenv", "pip", "go".
func (p *Plan) Manager() string { return p.manager.kind.name() }

// Empty reports whether nothing is to be declared or installed.
func (p *Plan) Empty() bool { return len(p.files) == 0 && len(p.commands) == 0 }

// Importable reports whether every package is installed already, in whatever
// version: then the app can run before anything is added.
func (p *Plan) Importable() bool {
	if p.module != nil {
		return len(p.missing) == 0
	}
	there := func(n Need) bool {
		_, found := p.env.installed[edit.PackageName(n.Name)]
		return found || n.Dev
	}
	return !lacks(p.env.installed, p.declared.entries) &&
		!slices.ContainsFunc(p.missing, func(n Need) bool { return !there(n) })
}

// Added lists the requirements that the project did not declare.
func (p *Plan) Added() []string { return specs(p.missing) }

// Removed lists the requirements that go, of those that fastman added.
func (p *Plan) Removed() []string { return p.removed }

// Todo is what a removal leaves to the user, one line each.
func (p *Plan) Todo() []string { return p.todo }

// Files are the manifests to write before Run: of pip and at a removal only, the other
// managers do it themselves.
func (p *Plan) Files() []FileEdit { return p.files }

// Notes are facts that the user has to know, one line each.
func (p *Plan) Notes() []string { return p.notes }

// Originals are the bytes of the manifests that will change, by path.
func (p *Plan) Originals() map[string][]byte {
	originals := map[string][]byte{}
	for _, f := range p.files {
		if f.Old != nil {
			originals[f.Path] = f.Old
		}
	}
	if !p.manager.kind.editsItself() || len(p.missing) == 0 {
		return originals
	}
	for _, file := range p.manifests() {
		if data, err := os.ReadFile(file); err == nil {
			originals[p.rel(file)] = data
		}
	}
	return originals
}

// Manifests are the manifests and lock files that this plan has changed, by its Files
// and, once Run has ended, by its commands.
func (p *Plan) Manifests() []string {
	var changed []string
	for _, f := range p.files {
		changed = append(changed, f.Path)
	}
	for file, before := range p.snapshot {
		if now, err := readManifest(file); err == nil && !same(before, now) {
			changed = append(changed, p.rel(file))
		}
	}
	slices.Sort(changed)
	return changed
}

// Was returns what a manifest or a lock held before Run; nil is no such file.
func (p *Plan) Was(file string) []byte { return p.snapshot[p.full(file)] }

// same tells an empty file from none.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// Commands are what is still to be run, ready to paste in Root.
func (p *Plan) Commands() []string {
	var lines []string
	for _, c := range p.commands {
		if !c.done {
			lines = append(lines, p.printable(c))
		}
	}
	if p.module != nil && len(lines) > 0 {
		return []string{p.goLine()}
	}
	return lines
}

func (p *Plan) printable(c command) string {
	var words []string
	for _, arg := range c.args {
		if rel, err := filepath.Rel(p.dir(), arg); filepath.IsAbs(arg) && err == nil && filepath.IsLocal(rel) {
			arg = rel
		}
		if strings.ContainsAny(arg, " <>!*[]'&;|()$") {
			arg = `"` + arg + `"`
		}
		words = append(words, arg)
	}
	line := strings.Join(words, " ")
	if p.manager.dir != "." {
		line = "cd " + p.manager.dir + " && " + line
	}
	return line
}

// dir is the folder of the manifest.
func (p *Plan) dir() string { return p.full(p.manager.dir) }

func (p *Plan) full(rel string) string {
	return filepath.Join(p.project.Root, filepath.FromSlash(rel))
}

// rel is the path under Root; the lock of a workspace may stand above it.
func (p *Plan) rel(file string) string {
	rel, _ := filepath.Rel(p.project.Root, file)
	return filepath.ToSlash(rel)
}

func specs(needs []Need) []string {
	var all []string
	for _, n := range needs {
		all = append(all, n.String())
	}
	return all
}

// split parts the needs of the app from those of its tests.
func split(needs []Need) (app, dev []Need) {
	for _, n := range needs {
		if n.Dev {
			dev = append(dev, n)
		} else {
			app = append(app, n)
		}
	}
	return app, dev
}

// editManifests puts the missing packages into pip's files.
func (p *Plan) editManifests() error {
	app, dev := split(p.missing)
	if p.manager.kind == pipPyproject {
		return p.editPyproject(app, dev)
	}
	if err := p.editRequirements(p.manager.manifest, "", app); err != nil {
		return err
	}
	first := "-r " + path.Base(p.manager.manifest) + "\n"
	return p.editRequirements(p.manager.devFile(p.project.Root), first, dev)
}

func (p *Plan) editRequirements(file, first string, needs []Need) error {
	if len(needs) == 0 {
		return nil
	}
	old, err := readManifest(p.full(file))
	if err != nil {
		return err
	}
	src := old
	if old == nil {
		src = []byte(first)
	}
	if compiled := strings.TrimSuffix(file, ".in") + ".txt"; strings.HasSuffix(file, ".in") {
		p.notes = append(p.notes, compiled+" is compiled from "+file+": compile it again")
	}
	return p.accept(file, old, edit.RequirementsAdd(src, specs(needs)))
}

func (p *Plan) editPyproject(app, dev []Need) error {
	file := p.manager.manifest
	old, err := readManifest(p.full(file))
	if err != nil {
		return err
	}
	r := edit.Result{Status: edit.AlreadyThere, Out: old}
	if len(app) > 0 {
		r = edit.PyprojectAdd(old, "project.dependencies", specs(app))
	}
	if r.Status != edit.CannotPlace && len(dev) > 0 {
		devs := edit.PyprojectAdd(r.Out, p.declared.devArray, specs(dev))
		devs.Puts = slices.Concat(r.Puts, devs.Puts)
		r = devs
	}
	return p.accept(file, old, r)
}

// accept takes a finished edit; one that can't be placed is left to the user.
func (p *Plan) accept(file string, old []byte, r edit.Result) error {
	switch r.Status {
	case edit.Done:
		p.files = append(p.files, FileEdit{Path: file, Old: old, New: r.Out, Puts: r.Puts})
	case edit.CannotPlace:
		p.notes = append(p.notes, file+": "+r.Reason+"; add by hand: "+strings.ReplaceAll(r.Snippet, "\n", " "))
	}
	return nil
}

// readManifest returns nil for a file that is not there.
func readManifest(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
