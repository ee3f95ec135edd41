package deps

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// NewGoRemoval plans the packages of a Go module out of it again. Nothing is run and
// nothing is written; call KeepUntidy on it before the emitted code goes.
//
// Where go.mod is what fastman left, and nothing that came with the packages is used,
// go.mod and go.sum get their original bytes, also what was raised. Else the requires
// of fastman go and the module is tidied: what was raised in between stays.
func NewGoRemoval(m Module, r Removal) (*Plan, error) {
	p := &Plan{project: Project{Root: m.Root}, module: &m,
		manager: manager{kind: goModules, root: m.Root, dir: ".", manifest: "go.mod"}}
	rm := &goRemover{remover: remover{Removal: r, plan: p}}
	for _, step := range []func() error{rm.read, rm.choose, rm.bringBack} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if len(p.files) == 0 && len(rm.drop) > 0 {
		args := []string{"go", "mod", "edit"}
		for _, path := range rm.drop {
			args = append(args, "-droprequire="+path)
		}
		p.add(args...)
		p.add("go", "mod", "tidy")
	}
	return p, nil
}

type goRemover struct {
	remover
	src           []byte // of go.mod
	now, original map[string]*modfile.Require
	drop, raised  []string // of Added: that fastman brought, and that were there in an older version
}

func (r *goRemover) read() (err error) {
	if r.src, err = os.ReadFile(r.plan.full("go.mod")); err != nil {
		return err
	}
	if r.now, err = requires(r.src); err != nil {
		return err
	}
	r.original, _ = requires([]byte(r.Originals["go.mod"])) // one that can't be read requires nothing
	return nil
}

func requires(src []byte) (map[string]*modfile.Require, error) {
	f, err := modfile.ParseLax("go.mod", src, nil)
	if err != nil {
		return nil, err
	}
	all := map[string]*modfile.Require{}
	for _, require := range f.Require {
		all[require.Mod.Path] = require
	}
	return all, nil
}

// choose parts what goes from what the user's code uses. A module that was required
// before, in an older version, is the user's.
func (r *goRemover) choose() error {
	for _, spec := range r.Added {
		path, _, _ := strings.Cut(spec, "@")
		switch {
		case r.now[path] == nil:
		case r.original[path] != nil:
			r.raised = append(r.raised, spec)
		default:
			if file := r.Uses([]string{path}, nil); file != "" {
				r.plan.stays(path, file)
				continue
			}
			r.drop = append(r.drop, path)
			r.plan.removed = append(r.plan.removed, spec)
		}
	}
	return nil
}

// bringBack plans the original bytes, where they say all that the module still needs.
func (r *goRemover) bringBack() error {
	if len(r.drop)+len(r.raised) == 0 {
		return nil
	}
	if !r.asLeft("go.mod", r.src) || !r.enough() {
		r.keepRaised()
		return nil
	}
	r.plan.removed = append(r.plan.removed, r.raised...)
	r.plan.files = append(r.plan.files, FileEdit{Path: "go.mod", Old: r.src, New: withEnds([]byte(r.Originals["go.mod"]), r.src)})
	for _, file := range r.plan.goManifests()[1:] {
		if err := r.bringSums(file); err != nil {
			return err
		}
	}
	return nil
}

// keepRaised tells why go.mod does not become what it was.
func (r *goRemover) keepRaised() {
	if r.Left["go.mod"] != "" && !r.asLeft("go.mod", r.src) {
		r.plan.notes = append(r.plan.notes, "go.mod was changed since the install: only the modules of these packages go, and its go line stays")
	}
	for _, spec := range r.raised {
		path, _, _ := strings.Cut(spec, "@")
		r.plan.notes = append(r.plan.notes, path+" stays at "+r.now[path].Mod.Version+": it was required before, at "+r.original[path].Mod.Version)
	}
}

// bringSums does so for go.sum and its like. One that has grown is good for the
// original go.mod as well.
func (r *goRemover) bringSums(file string) error {
	now, err := readManifest(file)
	if err != nil || now == nil {
		return err
	}
	rel := r.plan.rel(file)
	if !r.asLeft(rel, now) || !filepath.IsLocal(rel) {
		if r.Left[rel] != "" {
			r.plan.notes = append(r.plan.notes, rel+": the sums of these packages stay in it, which does no harm")
		}
		return nil
	}
	f := FileEdit{Path: rel, Old: now}
	if !r.made(rel) {
		f.New = withEnds([]byte(r.Originals[rel]), now)
	}
	if !same(f.Old, f.New) {
		r.plan.files = append(r.plan.files, f)
	}
	return nil
}

// enough reports whether the original go.mod has all that the module needs without
// these packages: no other of fastman's stays, and the user's code has taken up none
// of the modules that came with them.
func (r *goRemover) enough() bool {
	for path, require := range r.now {
		before := r.original[path]
		switch {
		case r.goes(path):
		case before == nil && (!require.Indirect || r.Uses([]string{path}, nil) != ""):
			return false
		case before != nil && !require.Indirect && before.Mod.Version != require.Mod.Version:
			return false
		}
	}
	return true
}

func (r *goRemover) goes(path string) bool {
	return slices.Contains(r.drop, path) || slices.ContainsFunc(r.raised, func(spec string) bool { return strings.HasPrefix(spec, path+"@") })
}
