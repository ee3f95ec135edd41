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

	"fastman/internal/deps"
	"fastman/internal/feature"
	"fastman/internal/plan"
)

// recipe carries one install from step to step.
type recipe struct {
	AuthOptions
	root      string
	stackName string
	manifest  *manifest // of the install that is there; nil on the first one
	stack     stack
	plan      *plan.Plan
	asCut     map[string]bool // emitted files that were not fitted to the project
	next      *manifest       // as it will be
	base      base
	deps      *deps.Plan
	applied   *plan.Applied
	report    *Report

	packagesFailed bool // then nothing is booted, and the next run goes on from here
}

// Auth adds types to the project in o.Dir.
func Auth(ctx context.Context, o AuthOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	root, err := folder(o.Dir)
	if err != nil {
		return nil, err
	}
	r := &recipe{AuthOptions: o, root: root, report: &Report{Command: "install:auth"}}
	if r.manifest, err = readManifest(root); err != nil {
		return nil, err
	}
	if r.stackName, err = chooseStack(o.Common, root, o.Stack, r.manifest); err != nil {
		return nil, err
	}
	r.report.Stack, r.stack = r.stackName, r.newStack(r.stackName)
	if err := r.keepShape(); err != nil {
		return nil, err
	}
	if r.nothingToDo() {
		r.report.Status = StatusNothing
		r.report.Types = typeNames(r.manifest.Types)
		r.report.Headline = "nothing to do: " + r.setName() + " is installed"
		return r.report, nil
	}
	if o.DryRun || o.Diff {
		return r.preview(ctx)
	}
	return r.run(ctx)
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
	r.report.Headline = "would add " + r.setName() + " to " + r.stack.place().entry
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
	for _, step := range []func(context.Context) error{r.apply, r.install, r.start} {
		if err := step(ctx); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, r.undoWith(context.WithoutCancel(ctx), "interrupted", "", "run the same command again")
		}
	}
	// From here on the database may have changed: what is begun is ended.
	ctx = context.WithoutCancel(ctx)
	for _, step := range []func(context.Context) error{r.stack.migrate, r.finish} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r.report.settle(), nil
}

// prepare looks, cuts, edits and checks; everything stays in memory.
func (r *recipe) prepare(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.look, r.stageFiles, r.stack.wire, r.stagePackages, r.stageManifest, r.check} {
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
	at := r.stack.place()
	r.report.Headline = "added " + r.setName() + " to " + at.entry
	r.report.Next = []string{at.next}
	return r.notePending(ctx)
}

// notePending lets the next run go on where packages were missing.
func (r *recipe) notePending(ctx context.Context) error {
	if !r.packagesFailed {
		return nil
	}
	r.next.Pending = true
	p, err := plan.New(r.root)
	if err != nil {
		return err
	}
	r.plan = p
	data, err := encode(r.next)
	if err != nil {
		return err
	}
	if err := r.write(manifestPath, data); err != nil {
		return err
	}
	applied, err := p.Apply(ctx)
	if err != nil {
		return writeFailure(err)
	}
	return applied.Done()
}

// recover ends what a killed run has begun, so that this one starts from whole
// files. Changes that were already made are taken over, with the way to undo them.
func (r *recipe) recover() error {
	recovered, err := plan.Recover(r.root)
	if err != nil {
		return writeFailure(err)
	}
	r.applied = recovered.Applied
	r.manifest, err = readManifest(r.root)
	return err
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

func action(c plan.Change) string {
	if c.Old == nil {
		return "create"
	}
	return "edit"
}

func (r *recipe) installed() feature.Set {
	if r.manifest == nil {
		return feature.Set{}
	}
	return feature.Set{}.Plus(r.manifest.Types, r.manifest.Providers)
}

func (r *recipe) setName() string { return r.target().String() }

// ownFiles are those that an earlier install made.
func (r *recipe) ownFiles() []string {
	if r.manifest == nil {
		return nil
	}
	return keys(r.manifest.Files)
}
