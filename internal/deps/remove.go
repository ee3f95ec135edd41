package deps

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
)

// Removal says what of fastman's packages goes.
type Removal struct {
	Added []string // requirements that fastman added and its code no longer needs, as Plan.Added gave them
	// Before are those of Added that the user's code used before they came: it has them
	// from elsewhere, so they go from the manifests, and stay installed.
	Before []string

	// Originals are the manifests and locks as they were before the first install, by
	// path under the root, from Plan.Originals. One that is not here but in Left was made
	// by fastman.
	Originals map[string]string
	// Left has the hash of each of Plan.Manifests as fastman left it. It may advance only
	// from itself: when a second install finds a file changed by the user, the first hash
	// has to stay, or the original would come back over the user's change.
	Left map[string]string
	Hash func([]byte) string

	// Uses returns the first of the user's files that imports one of the modules or names
	// one of the words, "" for none. Search makes one.
	Uses   func(modules, words []string) string
	Traces Traces // by name of the package; without one a package is imported by its name
}

// NewRemoval plans the packages of a Python project out of it again. Nothing is run and
// nothing is written.
//
// Files are the manifests as they will be, and so is the lock. Where a manifest is
// what fastman left and nothing of fastman's stays in it, its original bytes come back;
// else only the entries go. The commands then bring along what follows from that: a
// lock whose original can't come back, and the environment. So nothing has to be
// resolved, and no network is needed, unless the user has changed something in between;
// and when a command fails the manifests are right already.
//
// Only from an environment of the project's own is anything uninstalled: packages that
// go, and those that came with them in the lock, unless another one there requires them.
func NewRemoval(p Project, r Removal) (*Plan, error) {
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
	rm := &remover{Removal: r, plan: plan}
	for _, step := range []func() error{rm.choose, rm.editManifests, rm.lock} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	rm.uninstall()
	return plan, nil
}

// remover works one removal out.
type remover struct {
	spared []string // packages that stay installed
	Removal
	plan *Plan

	going    []entry // of fastman's, in the manifests
	restored bool    // every manifest is the original again
	came     []string
}

// choose parts what goes from what the user's code uses. What comes with one of the
// user's own packages, as httpx with fastapi[standard], needs no entry for that.
func (r *remover) choose() error {
	ours := map[string][]entry{}
	others := slices.Clone(r.plan.declared.entries)
	for _, spec := range r.Added {
		ours[spec] = r.entries(edit.PackageName(spec))
		others = without(others, ours[spec])
	}
	comes := r.plan.requirements().reach(others)
	for _, spec := range r.Added {
		name := edit.PackageName(spec)
		if len(ours[spec]) == 0 {
			continue // the user took it out
		}
		if _, there := comes[name]; !there {
			file := r.used(name)
			if file != "" && !slices.Contains(r.Before, spec) {
				r.plan.stays(name, file)
				continue
			}
			if file != "" {
				r.spared = append(r.spared, name)
			}
		}
		r.plan.removed = append(r.plan.removed, spec)
		r.going = append(r.going, ours[spec]...)
	}
	return nil
}

func without(all, some []entry) []entry {
	return slices.DeleteFunc(slices.Clone(all), func(e entry) bool { return slices.Contains(some, e) })
}

func (p *Plan) stays(name, file string) {
	p.notes = append(p.notes, name+" stays: "+file+" uses it")
}

// entries are those of a package that fastman made: the original has none there.
func (r *remover) entries(name string) []entry {
	return slices.DeleteFunc(slices.Clone(r.plan.declared.entries), func(e entry) bool {
		return e.name != name || !filepath.IsLocal(e.file) || slices.ContainsFunc(r.original(e.file), e.samePlace)
	})
}

func (e entry) samePlace(other entry) bool { return e.name == other.name && e.section == other.section }

// original lists what a manifest named before fastman came.
func (r *remover) original(file string) []entry {
	return r.plan.manager.entriesOf(file, []byte(r.Originals[file]))
}

// entriesOf reads the text of a manifest; one that can't be read names nothing.
func (m manager) entriesOf(file string, text []byte) []entry {
	if m.kind != pipRequirements {
		f, err := parsePyproject(file, text)
		if err != nil {
			return nil
		}
		return m.tables(f).entries
	}
	var all []entry
	for _, req := range edit.Requirements(text) {
		if req.Name != "" {
			all = append(all, entry{name: req.Name, extras: req.Extras, file: file})
		}
	}
	return all
}

func (r *remover) used(name string) string {
	return r.Uses(r.Traces.Of(name))
}

// editManifests plans each file that names what goes.
func (r *remover) editManifests() error {
	r.restored = true
	var files []string
	for _, e := range r.going {
		if !slices.Contains(files, e.file) {
			files = append(files, e.file)
		}
	}
	for _, file := range files {
		old, err := readManifest(r.plan.full(file))
		if err != nil {
			return err
		}
		r.editManifest(file, old)
	}
	return nil
}

func (r *remover) editManifest(file string, old []byte) {
	cut := r.cut(file, old)
	if cut.Status != edit.Done {
		defer r.keep(file)
		r.restored = false
		r.plan.todo = append(r.plan.todo, file+": "+cut.Reason+"; take out by hand: "+strings.Join(r.namesIn(file), " "))
		return
	}
	original, whole := r.whole(file, old, cut.Out)
	if whole {
		cut.Out = original
	} else if r.Left[file] != "" && !r.asLeft(file, old) {
		r.plan.notes = append(r.plan.notes, file+" was changed since the install: only the entries of these packages go")
	}
	r.restored = r.restored && whole
	r.plan.files = append(r.plan.files, FileEdit{Path: file, Old: old, New: cut.Out})
	if compiled := strings.TrimSuffix(file, ".in") + ".txt"; strings.HasSuffix(file, ".in") && isFile(r.plan.full(compiled)) {
		r.plan.todo = append(r.plan.todo, compiled+" is compiled from "+file+": compile it again")
	}
}

// keep takes back that the packages of a file go.
func (r *remover) keep(file string) {
	names := r.namesIn(file)
	r.going = slices.DeleteFunc(r.going, func(e entry) bool { return slices.Contains(names, e.name) })
	r.plan.removed = slices.DeleteFunc(r.plan.removed, func(spec string) bool { return slices.Contains(names, edit.PackageName(spec)) })
}

func (r *remover) namesIn(file string) []string {
	var names []string
	for _, e := range r.going {
		if e.file == file && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	return names
}

// cut takes the entries out, and sections and files that fastman made for them.
func (r *remover) cut(file string, src []byte) edit.Result {
	if r.plan.manager.kind == pipRequirements {
		result := edit.RequirementsRemove(src, r.namesIn(file))
		if rest := strings.TrimSpace(string(result.Out)); r.made(file) && (rest == "" || rest == r.include()) {
			result.Out = nil
		}
		return result
	}
	result := edit.Result{Status: edit.AlreadyThere, Out: src, Reason: "could not be edited"}
	for section, names := range r.sections(file) {
		if result = edit.PyprojectRemove(result.Out, section, names); result.Status != edit.Done {
			return result
		}
		if before, known := r.Originals[file]; known && !edit.PyprojectHas([]byte(before), section) {
			result.Out = edit.PyprojectPrune(result.Out, section).Out
		}
	}
	return result
}

func (r *remover) sections(file string) map[string][]string {
	sections := map[string][]string{}
	for _, e := range r.going {
		if e.file == file {
			sections[e.section] = append(sections[e.section], e.name)
		}
	}
	return sections
}

// include is all that a file of fastman's for the tests holds without its packages.
func (r *remover) include() string { return "-r " + path.Base(r.plan.manager.manifest) }

// made reports whether fastman made the file.
func (r *remover) made(file string) bool {
	_, there := r.Originals[file]
	return !there && r.Left[file] != ""
}

func (r *remover) asLeft(file string, now []byte) bool {
	return now != nil && r.Left[file] != "" && r.Hash(now) == r.Left[file]
}

// whole returns the original of a file, when that is all that remains: nobody changed
// the file, and no other package of fastman's stays in it.
func (r *remover) whole(file string, now, cut []byte) (original []byte, ok bool) {
	if !r.asLeft(file, now) {
		return nil, false
	}
	before := r.original(file)
	for _, e := range r.plan.manager.entriesOf(file, cut) {
		if !slices.ContainsFunc(before, e.samePlace) {
			return nil, false
		}
	}
	if r.made(file) {
		return nil, true
	}
	return withEnds([]byte(r.Originals[file]), now), true
}

// withEnds gives the original CRLF where git has checked the file out with it since. The
// other way round nothing is certain: uv turns CRLF into LF by itself.
func withEnds(original, now []byte) []byte {
	crlf, lf := []byte("\r\n"), []byte("\n")
	if n := bytes.Count(now, crlf); n > 0 && n == bytes.Count(now, lf) && !bytes.Contains(original, crlf) {
		return bytes.ReplaceAll(original, lf, crlf)
	}
	return original
}

// lock brings the lock's original back, where manifest and lock are both what fastman
// left; else the manager locks again.
func (r *remover) lock() error {
	file := r.plan.lockFile()
	if file == "" || len(r.plan.files) == 0 {
		return nil
	}
	now, err := readManifest(file)
	if err != nil || now == nil {
		return err
	}
	rel := r.plan.rel(file)
	if !r.restored || !r.asLeft(rel, now) || !filepath.IsLocal(rel) {
		r.relock(now)
		return nil
	}
	f := FileEdit{Path: rel, Old: now}
	if !r.made(rel) {
		f.New = withEnds([]byte(r.Originals[rel]), now)
	}
	if !bytes.Equal(f.Old, f.New) {
		r.plan.files = append(r.plan.files, f)
	}
	r.came = lacking(lockedNames(now), lockedNames(f.New))
	return nil
}

func lacking(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(some, name) })
}

// relock plans the command that makes the lock follow the manifest and else leaves it.
func (r *remover) relock(now []byte) {
	switch r.plan.manager.kind {
	case uv:
		r.plan.add("uv", "lock")
	case poetry:
		args := []string{"poetry", "lock"}
		if bytes.Contains(now[:min(len(now), 200)], []byte("by Poetry 1.")) {
			args = append(args, "--no-update") // from 2 on the only way
		}
		r.plan.add(args...)
	case pipenv: // uninstalls too
		app, dev := r.split()
		if len(app) > 0 {
			r.plan.add(append([]string{"pipenv", "uninstall"}, app...)...)
		}
		if len(dev) > 0 {
			r.plan.add(append([]string{"pipenv", "uninstall", "--dev"}, dev...)...)
		}
	}
}

func (r *remover) split() (app, dev []string) {
	for _, e := range r.going {
		if e.dev {
			dev = append(dev, e.name)
		} else {
			app = append(app, e.name)
		}
	}
	return app, dev
}
