// Package install is the recipe: what each command does, step by step. It decides;
// the packages below it look, cut, edit, write and run.
package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"fastman/internal/deps"
	"fastman/internal/feature"
	"fastman/internal/plan"

	"golang.org/x/mod/semver"
)

// recipe carries one change of a project from step to step.
type recipe struct {
	AuthOptions
	job       job
	root      string
	stackName string
	manifest  *manifest // of the install that is there; nil on the first one
	base      base      // what was emitted last time
	stack     stack
	plan      *plan.Plan
	asCut     map[string]bool   // emitted files that were not fitted to the project
	changed   map[string][]byte // emitted files that were changed since: what they started from
	stay      []string          // emitted files that outlive their types
	history   []string          // those of them that nothing needs any longer
	next      *manifest         // as it will be
	nextBase  base
	deps      *deps.Plan
	applied   *plan.Applied
	report    *Report

	packagesFailed bool // then nothing is booted, and the next run goes on from here
}

// job is what a command wants of the recipe.
type job struct {
	command      string
	target       func(is feature.Set) feature.Set // the set as it will be
	done         func(*recipe) bool               // reports whether there is nothing to do
	did, would   string                           // "added %s to %s"
	nothing      string                           // "nothing to do: %s is installed"
	mended       string                           // what to do when the app does not start with the change
	removes      bool                             // packages go, none comes
	dropTables   bool                             // and the data with them
	needsInstall bool                             // there is nothing to do it to before one
}

// Auth adds types to the project in o.Dir.
func Auth(ctx context.Context, o AuthOptions) (*Report, error) {
	return carryOut(ctx, o, job{
		command: "install:auth",
		target:  func(is feature.Set) feature.Set { return is.Plus(o.Types, o.Providers).WithUI(is.UI() || o.UI) },
		did:     "added %s to %s", would: "would add %s to %s", nothing: "nothing to do: %s is installed",
		done:   (*recipe).stands,
		mended: "mend what the error names, or install with --no-boot to look into it",
	})
}

// carryOut does a job, unless it is done already.
func carryOut(ctx context.Context, o AuthOptions, j job) (*Report, error) {
	r, err := open(o, j)
	if err != nil {
		return nil, err
	}
	switch {
	case r.manifest != nil && !plan.Pending(r.root) && j.done(r):
		r.report.Status, r.report.Types = StatusNothing, typeNames(r.manifest.Types)
		r.report.Headline = fmt.Sprintf(j.nothing, r.installed())
		return r.report, nil
	case o.DryRun || o.Diff:
		return r.preview(ctx)
	}
	return r.run(ctx)
}

// open finds out what is installed in the project, and what the job is about.
func open(o AuthOptions, j job) (*recipe, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	root, err := folder(o.Dir)
	if err != nil {
		return nil, err
	}
	r := &recipe{AuthOptions: o, job: j, root: root, report: &Report{Command: j.command}}
	if err := r.readManifest(); err != nil {
		return nil, err
	}
	if err := CheckUI(o.UI, r.target()); err != nil {
		return nil, err
	}
	if r.stackName, err = chooseStack(o.Common, root, o.Stack, r.manifest); err != nil {
		return nil, err
	}
	r.report.Stack, r.stack = r.stackName, r.newStack(r.stackName)
	return r, nil
}

// readManifest reads what is installed, and refuses what this fastman cannot go on from.
func (r *recipe) readManifest() (err error) {
	if r.manifest, err = readManifest(r.root); err != nil {
		return err
	}
	switch m := r.manifest; {
	case m == nil && r.job.needsInstall && !plan.Pending(r.root):
		return failure("fastman has installed nothing in "+filepath.Base(r.root), "add sign-in first: fastman install:auth")
	case m != nil && semver.Compare("v"+m.Version, "v"+r.library().Version) > 0:
		return newerFastman(m.Version)
	}
	return r.keepShape()
}

// preview goes as far as the checks and touches nothing.
func (r *recipe) preview(ctx context.Context) (*Report, error) {
	if plan.Pending(r.root) {
		return nil, failure("an earlier run of fastman was stopped in its middle", "run the command without --dry-run and --diff: it finishes or undoes that first")
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.stack.close()
	r.report.Status = StatusDryRun
	r.report.Headline = r.headline(r.job.would)
	if r.Diff {
		r.plan.Brief(basePath)
		r.plan.Brief(path.Join(r.stack.place().dir, "common_passwords.txt"))
		r.report.Diff = r.plan.Diff()
	}
	if !r.deps.Empty() {
		r.report.Packages = packagesOf(r.deps, false)
	}
	return r.report, nil
}

func (r *recipe) run(ctx context.Context) (*Report, error) {
	held, err := lock(r.root)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	if err := r.recover(); err != nil {
		return nil, err
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.stack.close()
	for _, step := range []func(context.Context) error{r.dropTables, r.apply, r.install, r.start} {
		if err := step(ctx); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, r.undoWith(context.WithoutCancel(ctx), "interrupted", "", "run the same command again")
		}
	}
	// From here on the database may have changed: what is begun is ended.
	ctx = context.WithoutCancel(ctx)
	for _, step := range []func(context.Context) error{r.migrate, r.finish} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.report.settle(), nil
}

// prepare looks, cuts, edits and checks; everything stays in memory.
func (r *recipe) prepare(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.begin, r.noteDirty, r.look, r.undoEdits, r.stageFiles, r.wire, r.stagePackages, r.stageManifest, r.check} {
		if err := step(ctx); err != nil {
			r.stack.close()
			return err
		}
	}
	r.report.Types = typeNames(r.next.Types)
	at := r.stack.place()
	r.report.Entry, r.report.Serve = at.entry, at.serve
	for _, c := range r.plan.Changes() {
		r.report.Files = append(r.report.Files, File{Path: c.Path, Action: action(c)})
	}
	return nil
}

// look finds out what kind of project this is.
func (r *recipe) look(ctx context.Context) error {
	r.say("reading the project")
	return r.stack.look(ctx)
}

// wire plans the edits of the user's own files.
func (r *recipe) wire(ctx context.Context) error {
	if r.target().Empty() {
		return nil
	}
	return r.stack.wire(ctx)
}

// migrate brings the database up to date, or says how.
func (r *recipe) migrate(ctx context.Context) error {
	if r.job.removes {
		return nil
	}
	return r.stack.migrate(ctx)
}

// check finds what would stop the writing, before it begins.
func (r *recipe) check(ctx context.Context) error {
	if err := r.stack.check(ctx); err != nil {
		return err
	}
	if err := r.plan.Check(); err != nil {
		return writeFailure(err)
	}
	return nil
}

func (r *recipe) apply(ctx context.Context) (err error) {
	if len(r.plan.Changes()) == 0 {
		return nil
	}
	if r.applied != nil {
		if err := r.applied.Done(); err != nil {
			return writeFailure(err)
		}
	}
	r.say("writing files")
	if r.applied, err = r.plan.Apply(ctx); err != nil {
		return writeFailure(err)
	}
	return nil
}

// finish keeps what was done.
func (r *recipe) finish(ctx context.Context) error {
	if r.applied != nil {
		if err := r.applied.Done(); err != nil {
			return writeFailure(err)
		}
	}
	r.report.Headline = r.headline(r.job.did)
	if r.target().Empty() {
		return nil
	}
	r.report.Next = []string{r.stack.place().next}
	return r.notePackages(ctx)
}

// notePackages notes how the package manager left its files, and lets the next run go
// on where packages were missing.
func (r *recipe) notePackages(ctx context.Context) error {
	r.next.Pending = r.packagesFailed
	for _, file := range r.deps.Manifests() {
		if data, err := r.onDisk(file); err == nil && data != nil {
			r.leaveAt(file, r.deps.Was(file), data)
		}
	}
	p, err := plan.New(r.root)
	if err != nil {
		return err
	}
	r.plan = p
	data, err := encode(r.next)
	if err != nil {
		return err
	}
	if err := r.write(manifestPath, data); err != nil || len(p.Changes()) == 0 {
		return err
	}
	applied, err := p.Apply(ctx)
	if err != nil {
		return writeFailure(err)
	}
	return applied.Done()
}

// recover ends what a killed run has begun, so that this one starts from whole
// files. What an install has written is taken over, with the way to undo it; any other
// change is undone, and made again from its beginning.
func (r *recipe) recover() error {
	recovered, err := plan.Recover(r.root)
	if err != nil {
		return writeFailure(err)
	}
	r.applied = recovered.Applied
	if r.applied != nil && !(slices.Contains([]string{"new", "install:auth"}, r.applied.Label()) && r.job.command == "install:auth") {
		if _, err := r.applied.Undo(); err != nil {
			return writeFailure(err)
		}
		r.applied = nil
	}
	return r.readManifest()
}

func lock(root string) (*plan.Held, error) {
	held, err := plan.Lock(root)
	switch {
	case errors.Is(err, plan.ErrLocked):
		return nil, failure(err.Error(), "wait until it has ended, then run again")
	case err != nil:
		return nil, writeFailure(err)
	}
	return held, nil
}

// folder returns the absolute path of --dir.
func folder(dir string) (string, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return "", failure(fmt.Sprintf("%s: no such folder", dir), "give the folder of your project: --dir=PATH")
	}
	return root, nil
}

func (r *recipe) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(r.root, filepath.FromSlash(path)))
	return !errors.Is(err, fs.ErrNotExist)
}

func emptyDir(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// holdsOnly reports whether no file but those that end so is in a folder: migrations
// that a removal has left are no obstacle.
func (r *recipe) holdsOnly(dir, ext string) bool {
	only := true
	_ = filepath.WalkDir(filepath.Join(r.root, filepath.FromSlash(dir)), func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(file) != ext {
			only = false
		}
		return nil
	})
	return only
}

func action(c plan.Change) string {
	switch {
	case c.Old == nil:
		return "create"
	case c.New == nil:
		return "remove"
	}
	return "edit"
}

// was is the manifest of what is there; an empty one before the first install.
func (r *recipe) was() *manifest {
	if r.manifest == nil {
		return &manifest{Edits: map[string]edited{}, Left: map[string]string{}}
	}
	return r.manifest
}

func (r *recipe) installed() feature.Set {
	return feature.NewSet().Plus(r.was().Types, r.was().Providers).WithFirst(r.was().First).WithUI(r.was().UI)
}

// target is the set as it will be.
func (r *recipe) target() feature.Set { return r.job.target(r.installed()) }

// headline says what was done to which set, and where.
func (r *recipe) headline(form string) string {
	set := r.target()
	if r.job.command == "remove:auth" {
		set = r.installed().Minus(set)
	}
	return fmt.Sprintf(form, set, r.stack.place().entry)
}

// ownFiles are those that an earlier install made.
func (r *recipe) ownFiles() []string { return keys(r.was().Files) }
