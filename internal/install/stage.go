package install

import (
	"context"
	"maps"
	"slices"
	"strings"

	"fastman/internal/deps"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/plan"
)

// begin starts the plan and what will be the new manifest from the old one.
func (r *recipe) begin(context.Context) (err error) {
	if r.plan, err = plan.New(r.root); err != nil {
		return err
	}
	if r.base, err = readBase(r.root); err != nil {
		return err
	}
	was := r.was()
	r.plan.Label = r.report.Command
	r.asCut = map[string]bool{}
	r.nextBase = base{Files: map[string]string{}, Pending: map[string]string{}, Originals: maps.Clone(r.base.Originals)}
	r.next = &manifest{Format: manifestFormat, Version: r.library().Version, Stack: r.stackName,
		Types: r.target().Types(), Providers: r.target().Providers(), First: r.target().First(), UI: r.target().UI(), Prefix: r.Prefix, UsersTable: r.UsersTable,
		Files: map[string]made{}, Edits: maps.Clone(was.Edits), Packages: slices.Clone(was.Packages),
		Left: maps.Clone(was.Left), UsedBefore: slices.Clone(was.UsedBefore), EnvDirs: slices.Clone(was.EnvDirs)}
	return nil
}

// stagePackages plans what the package manager has to add or to take out.
func (r *recipe) stagePackages(ctx context.Context) (err error) {
	if r.job.removes {
		r.deps, err = r.stack.packagesOut(ctx, r.removal())
	} else {
		r.deps, err = r.stack.packages(ctx)
	}
	if err != nil {
		return refusal(err)
	}
	for _, f := range r.deps.Files() {
		if err := r.stageManifestFile(f); err != nil {
			return err
		}
	}
	for _, note := range r.deps.Notes() {
		if r.job.removes {
			r.report.note(note)
		} else {
			r.report.left(note, strings.Join(r.deps.Added(), "\n"))
		}
	}
	for _, todo := range r.deps.Todo() {
		r.report.left("the packages are not out of the project yet", todo)
	}
	removed := r.deps.Removed()
	r.noteUsedBefore()
	r.next.Packages = append(slices.DeleteFunc(r.next.Packages, func(p string) bool { return slices.Contains(removed, p) }), r.deps.Added()...)
	for file, original := range r.deps.Originals() {
		if _, kept := r.nextBase.Originals[file]; !kept {
			r.nextBase.Originals[file] = string(original)
		}
	}
	return nil
}

// stageManifestFile plans a package manifest as it will be.
func (r *recipe) stageManifestFile(f deps.FileEdit) error {
	if f.New == nil {
		delete(r.next.Edits, f.Path)
		return r.deleteFile(f.Path, f.Old)
	}
	if err := r.writeFile(f.Path, f.Old, f.New); err != nil {
		return err
	}
	if !r.job.removes {
		r.record(f.Path, f.Old == nil, edit.Result{Out: f.New, Puts: f.Puts})
	}
	r.leaveAt(f.Path, f.Old, f.New)
	return nil
}

// leaveAt notes how a package manifest was left: for as long as nobody but fastman has
// changed it, its original can come back.
func (r *recipe) leaveAt(file string, before, after []byte) {
	if left, known := r.next.Left[file]; !known || left == hash(before) {
		r.next.Left[file] = hash(after)
	}
}

// noteUsedBefore notes which of the packages that come the user's code uses already.
func (r *recipe) noteUsedBefore() {
	uses, traces := deps.Search(r.remaining), r.traces()
	for _, added := range r.deps.Added() {
		if uses(traces.Of(added)) != "" {
			r.next.UsedBefore = append(r.next.UsedBefore, added)
		}
	}
}

// removal says what of the packages goes.
func (r *recipe) removal() deps.Removal {
	var gone []string
	for _, p := range r.was().Packages {
		if !r.stack.needsPackage(p) {
			gone = append(gone, p)
		}
	}
	return deps.Removal{Added: gone, Before: r.was().UsedBefore, Originals: r.base.Originals, Left: r.was().Left, Hash: hash, Uses: deps.Search(r.remaining), Traces: r.traces()}
}

// traces are how the use of a package shows.
func (r *recipe) traces() deps.Traces {
	traces := deps.Traces{}
	for _, p := range r.library().Packages {
		traces[p.Name] = deps.Trace{Imports: p.Imports, Words: p.Words}
	}
	return traces
}

// remaining are the sources that are the user's, and those of fastman's that his code
// needs.
func (r *recipe) remaining(yield func(string, []byte) bool) {
	for _, file := range r.stack.sources() {
		_, ours := r.was().Files[file]
		if ours && (r.outlives(file) || !slices.Contains(r.stay, file)) {
			continue
		}
		if src, err := r.plan.Read(file); err == nil && !yield(file, src) {
			return
		}
	}
}

// stageManifest plans fastman's own files.
func (r *recipe) stageManifest(context.Context) error {
	if err := r.stageLayers(); err != nil {
		return err
	}
	if len(r.history) > 0 {
		r.report.note(r.stack.farewell(r.history))
	}
	if r.target().Empty() {
		return r.forget()
	}
	own := map[string]any{manifestPath: r.next, basePath: r.nextBase}
	for _, file := range []string{manifestPath, basePath} {
		data, err := encode(own[file])
		if err != nil {
			return err
		}
		if err := r.write(file, data); err != nil {
			return err
		}
	}
	return r.write(attributesPath, []byte("* -text\n"))
}

// write plans the content of a file of fastman's own.
func (r *recipe) write(file string, data []byte) error {
	old, err := r.onDisk(file)
	if err != nil {
		return err
	}
	return r.writeFile(file, old, data)
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func typeNames(types []feature.Type) []string {
	var names []string
	for _, t := range types {
		names = append(names, string(t))
	}
	return names
}
