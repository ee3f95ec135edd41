package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fastman/internal/deps"
)

// A boot that takes longer waits for something that is not there.
const bootTimeout = 60 * time.Second

// install adds or removes packages through the project's own manager. When that
// fails the files stay: one command then completes the install.
func (r *recipe) install(ctx context.Context) error {
	if r.deps.Empty() {
		return nil
	}
	if r.NoDeps {
		r.report.Packages = packagesOf(r.deps, false)
		return nil
	}
	verb := "install"
	if r.job.removes {
		verb = "remove"
	}
	r.say(strings.TrimSuffix(verb, "e") + "ing packages with " + r.deps.Manager() + ": " + strings.Join(append(r.deps.Added(), r.deps.Removed()...), " "))
	err := r.deps.Run(ctx, quiet)
	r.packagesFailed = err != nil
	r.report.Packages = packagesOf(r.deps, err == nil)
	if err != nil {
		r.report.left("the packages were not "+strings.TrimSuffix(verb, "e")+"ed: "+err.Error(), strings.Join(r.deps.Commands(), "\n"))
	}
	return nil
}

// quiet keeps what a package manager prints to itself; its errors come back whole.
func quiet(string) {}

func packagesOf(d *deps.Plan, installed bool) *Packages {
	p := &Packages{Manager: d.Manager(), Added: d.Added(), Removed: d.Removed()}
	if !installed {
		p.Commands = d.Commands()
	}
	return p
}

// unbootable reports whether the app cannot be started, or was not asked to be.
func (r *recipe) unbootable() bool {
	return r.NoBoot || r.packagesFailed || r.NoDeps && !r.deps.Importable()
}

// booted is what a boot check has found.
type booted struct {
	Routes []bootedRoute `json:"routes"`
	Error  string        `json:"error"` // why the app does not start

	Unmounted Left `json:"-"` // said when no route is ours
}

type bootedRoute struct {
	Route
	Ours bool `json:"ours"`
}

// start takes the app's routes from its boot check. An app that started before and
// does no longer gets all its files back.
func (r *recipe) start(ctx context.Context) error {
	if r.unbootable() {
		return nil
	}
	after, err := r.stack.boot(ctx)
	if err != nil {
		return r.undo(ctx, "the app could not be started for the check: "+err.Error(), "")
	}
	if after.Error != "" {
		return r.bootFailed(ctx, after.Error)
	}
	return r.mounted(ctx, after)
}

// mounted reads our URLs off the booted app, and finds what stands in their way.
func (r *recipe) mounted(ctx context.Context, b *booted) error {
	seen := map[Route]int{}
	for _, route := range b.Routes {
		seen[route.Route]++
		if route.Ours && !slices.Contains(r.report.Routes, route.Route) {
			r.report.Routes = append(r.report.Routes, route.Route)
		}
	}
	if len(r.report.Routes) == 0 && len(r.report.Left) == 0 && !r.target().Empty() {
		r.report.Left = append(r.report.Left, b.Unmounted)
	}
	for _, route := range r.report.Routes {
		if seen[route] > 1 {
			taken := r.undoWith(ctx, fmt.Sprintf("%s %s is a route of this app already", route.Method, route.Path), "",
				"put the new routes under another path: fastman install:auth --prefix=/account")
			return errors.Join(taken, r.deps.Clean())
		}
	}
	return nil
}

// bootFailed finds out whose error it is: without our files the app either starts,
// then it was ours and they stay away, or it does not, then they come back.
func (r *recipe) bootFailed(ctx context.Context, trace string) error {
	undone := r.undo(ctx, "the app no longer "+r.stack.place().starts+"s with the change", trace)
	if len(r.plan.Changes()) == 0 {
		return undone
	}
	before, err := r.stack.boot(ctx)
	if err != nil || before.Error == "" {
		return errors.Join(undone, r.deps.Clean())
	}
	r.say("the app did not " + r.stack.place().starts + " before either; keeping the new code")
	if err := r.reapply(ctx); err != nil {
		return err
	}
	what := "the app does not " + r.stack.place().starts + ", and did not before: nothing could be checked\n" + lastLines(trace)
	if r.job.removes {
		r.report.note(what)
	} else {
		r.report.left(what, "mend that, then run again: fastman "+r.job.command)
	}
	return nil
}

func (r *recipe) reapply(ctx context.Context) (err error) {
	if r.applied, err = r.plan.Apply(ctx); err != nil {
		return writeFailure(err)
	}
	r.packagesFailed = true // what did not boot must not be migrated
	return r.deps.Redo(ctx, r.say)
}

// undo brings every file back and says why.
func (r *recipe) undo(ctx context.Context, what, detail string) error {
	return r.undoWith(ctx, what, detail, r.job.mended)
}

func (r *recipe) undoWith(ctx context.Context, what, detail, hint string) error {
	f := &Failure{What: what, Detail: detail, Untouched: "every file is as it was before", Hint: hint}
	if r.applied != nil {
		kept, err := r.applied.Undo()
		if err != nil {
			return writeFailure(err)
		}
		if len(kept) > 0 {
			f.Untouched = "every file is as it was before, but for those that changed meanwhile: " + strings.Join(kept, ", ")
		}
		r.applied = nil
	}
	if err := r.deps.Undo(ctx, r.say); err != nil {
		f.Untouched += "; the package manager's files could not be restored: " + err.Error()
	}
	return f
}
