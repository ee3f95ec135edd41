// Package install is the recipe: what each command does, step by step. It decides;
// the packages below it look, cut, edit, write and run.
package install

import (
	"cmp"
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
	"fastman/internal/project"
)

// recipe carries one install from step to step.
type recipe struct {
	AuthOptions
	root     string
	manifest *manifest // of the install that is there; nil on the first one
	project  *project.Project
	emit     *emitter
	plan     *plan.Plan
	asCut    map[string]bool // emitted files that were not fitted to the project
	next     *manifest       // as it will be
	base     base
	deps     *deps.Plan
	applied  *plan.Applied
	report   *Report

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
	r := &recipe{AuthOptions: o, root: root, report: &Report{Command: "install:auth", Stack: stack}}
	if r.manifest, err = readManifest(root); err != nil {
		return nil, err
	}
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
	defer r.project.Close()
	r.report.Status = StatusDryRun
	r.report.Headline = "would add " + r.setName() + " to " + r.project.Entry.Path
	if r.Diff {
		r.plan.Brief(basePath)
		r.plan.Brief(path.Join(r.emit.authDir(), "common_passwords.txt"))
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
	defer r.project.Close()
	for _, step := range []func(context.Context) error{r.apply, r.packages, r.boot} {
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
	for _, step := range []func(context.Context) error{r.look, r.refuse, r.stageFiles, r.stageEdits, r.stagePackages, r.stageManifest, r.check} {
		if err := step(ctx); err != nil {
			if r.project != nil {
				r.project.Close()
			}
			return err
		}
	}
	r.report.Types = typeNames(r.next.Types)
	r.report.Entry, r.report.Serve = r.project.Entry.Path, r.project.Entry.Callable
	for _, c := range r.plan.Changes() {
		r.report.Files = append(r.report.Files, File{Path: c.Path, Action: action(c)})
	}
	return nil
}

// look finds out what kind of project this is.
func (r *recipe) look(ctx context.Context) (err error) {
	r.say("reading the project")
	r.project, err = project.Look(ctx, r.root, project.Options{App: r.App, UsersTable: r.UsersTable, Own: r.ownFiles()})
	if err != nil {
		return refusal(err)
	}
	r.emit = &emitter{p: r.project, set: r.target(), prefix: r.Prefix, users: r.UsersTable, exists: r.exists}
	return nil
}

// refuse stops where installing would overwrite or contradict what is there.
func (r *recipe) refuse(context.Context) error {
	if r.manifest != nil {
		return nil
	}
	if dir := r.emit.authDir(); r.exists(dir) && !emptyDir(filepath.Join(r.root, filepath.FromSlash(dir))) {
		return failure(dir+": is there already and was not made by fastman",
			"move or delete the folder, then run again: mv "+dir+" "+dir+"_old")
	}
	if at := r.project.UsersTable; at != "" {
		return failure(fmt.Sprintf("%s: a table %q with other columns is defined there", at, r.UsersTable),
			"choose another name: fastman install:auth --users-table=auth_accounts")
	}
	return r.refuseOldPackages()
}

// check parses every Python file as it will be, with the project's own interpreter;
// all but those whose text is one that fastman's own tests have parsed.
func (r *recipe) check(ctx context.Context) error {
	sources := map[string][]byte{}
	for _, c := range r.plan.Changes() {
		if filepath.Ext(c.Path) == ".py" && !r.asCut[c.Path] {
			sources[c.Path] = c.New
		}
	}
	if err := r.project.CheckPython(ctx, sources); err != nil {
		return refusal(err)
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
	r.report.Headline = "added " + r.setName() + " to " + r.project.Entry.Path
	r.report.Next = []string{r.serveCommand()}
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

// serveCommand is what a user types in the project's folder to run the app.
func (r *recipe) serveCommand() string {
	command := r.deps.PrefixFrom(cmp.Or(r.project.ImportRoot, ".")) + "uvicorn " + r.project.Entry.Callable
	if r.project.Entry.IsFactory {
		command += " --factory"
	}
	if dir := r.project.ImportRoot; dir != "" {
		command = "cd " + dir + " && " + command
	}
	return command + " --reload"
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

func (r *recipe) installed() feature.Set { return feature.NewSet(r.manifest.Types...) }

func (r *recipe) setName() string { return r.target().String() }

// refuseOldPackages stops where the project holds releases that the code cannot
// work with, before anything is written.
func (r *recipe) refuseOldPackages() error {
	old := deps.TooOld(depsProject(r.root, r.project), minimums)
	if old == "" {
		return nil
	}
	return failure(old, "raise it first, then run again")
}

// minimums are the oldest releases whose API the generated code can use at all.
var minimums = map[string]string{"sqlalchemy": "2.0", "pydantic": "2.0", "fastapi": "0.100"}

func depsProject(root string, p *project.Project) deps.Project {
	return deps.Project{Root: root, ImportRoot: p.ImportRoot, Python: p.Python.Path, Version: p.Python.Version, Venv: p.Python.Venv}
}

// ownFiles are those that an earlier install made.
func (r *recipe) ownFiles() []string {
	if r.manifest == nil {
		return nil
	}
	return keys(r.manifest.Files)
}
