// Package verify shows whether the sign-in of a project still holds after its owner has
// edited it: it starts the app on scratch data, and runs the black-box suite against it.
package verify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"fastman/conformance"
	"fastman/internal/feature"
	"fastman/internal/install"
)

// issuer is AUTH_ISSUER of the apps under test.
const issuer = "fastman:app"

// Options are the flags of verify:auth.
type Options struct {
	install.Common
	Only     string // expression; "" is every case
	Database string // sqlite or postgresql; "" is what the project is on
	URL      string // of a running server; "" starts the app
	Own      bool   // the server may be on another machine
	// Args are given to the program, or to uvicorn; {port} in them is where it is to listen.
	Args []string
}

// Unjudged is why nothing could be said about an app: exit status 3.
type Unjudged struct{ What, Detail, Hint string }

func (e *Unjudged) Error() string { return e.What }

// List returns the cases that would run, and those that do not apply.
func List(ctx context.Context, o Options) (*Report, error) {
	r, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, c := range r.cases() {
		r.report.add(Result{Case: describe(c), Outcome: Listed})
	}
	r.report.Requirements = requirementsOf(r.report.Cases, nil)
	return r.report, nil
}

// Run judges the app of the project in o.Dir.
func Run(ctx context.Context, o Options) (*Report, error) {
	r, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	r.report.Settings = checkSettings(r.app)
	if o.URL != "" {
		err = r.running(ctx)
	} else {
		err = r.scratch(ctx)
	}
	r.report.Seconds = time.Since(start).Seconds()
	r.on.hideIn(r.report, err)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	return r.report.settle(), nil
}

// verification is one run.
type verification struct {
	Options
	app    *install.Installation
	on     chosen
	only   *regexp.Regexp
	report *Report
}

func open(ctx context.Context, o Options) (*verification, error) {
	only, err := regexp.Compile(o.Only)
	if err != nil {
		return nil, &install.Usage{What: fmt.Sprintf("--only %q is not a regular expression: %v", o.Only, err), Hint: `as in: --only='^(token|refresh)/'`}
	}
	if err := checkURL(o); err != nil {
		return nil, err
	}
	o.say("reading the project")
	app, err := install.Installed(ctx, o.Common)
	if err != nil {
		return nil, err
	}
	on, err := choose(o, app)
	if err != nil {
		return nil, err
	}
	r := &verification{Options: o, app: app, on: on, only: only, report: newReport(app, o)}
	for _, c := range conformance.Cases(everything) {
		if why := r.why(c); why != "" && only.MatchString(c.Name) {
			r.report.add(Result{Case: describe(c), Outcome: NotApplicable, Detail: why})
		}
	}
	if len(r.cases()) == 0 {
		return nil, &install.Usage{What: fmt.Sprintf("--only %q: no case of %s has such a name", o.Only, app.Set), Hint: "see them all: fastman verify:auth --list"}
	}
	return r, nil
}

var everything = feature.NewSet(feature.Types...).WithProviders(feature.Providers...).WithUI(true)

func (o Options) say(line string) {
	if o.Progress != nil {
		o.Progress(line)
	}
}

// cases are those that apply and were asked for.
func (r *verification) cases() []conformance.Case {
	return slices.DeleteFunc(conformance.Cases(r.app.Set), func(c conformance.Case) bool { return !r.wants(c) })
}

func (r *verification) wants(c conformance.Case) bool {
	return r.only.MatchString(c.Name) && r.why(c) == ""
}

// notInstalled begins why a case of other types does not apply.
const notInstalled = "not installed: "

// why says why a case does not apply; "" is one that does.
func (r *verification) why(c conformance.Case) string {
	switch {
	case !slices.ContainsFunc(conformance.Cases(r.app.Set), func(o conformance.Case) bool { return o.Name == c.Name }):
		return notInstalled + subject(c, r.app.Set)
	case r.URL != "" && !c.Harmless:
		return "changes data or counts against somebody, so it is not for a running server"
	}
	return ""
}

// subject is what a set lacks for a case.
func subject(c conformance.Case, set feature.Set) string {
	switch {
	case c.Type != "" && !set.Has(c.Type):
		return string(c.Type)
	case c.Provider != "" && !set.HasProvider(c.Provider):
		return string(c.Provider)
	}
	for _, need := range c.Needs {
		if slices.Contains([]conformance.Need{conformance.NeedPasskeys, conformance.NeedCookies, conformance.NeedPage, conformance.NeedUsers}, need) {
			return string(need)
		}
	}
	return "users"
}

// scratch starts the app with nothing of the user's in reach, and judges that.
func (r *verification) scratch(ctx context.Context) (err error) {
	dir, err := scratchFolder()
	if err != nil {
		return &Unjudged{What: "there is no place for a scratch copy: " + err.Error(), Hint: "name a folder that is yours: TMPDIR=/var/tmp fastman verify:auth"}
	}
	a := &app{Installation: r.app, args: r.Args, scratch: dir, dialect: r.on.dialect}
	defer func() { err = errors.Join(err, a.close()) }()
	if r.app.IsGo() {
		r.say("building the app")
	}
	if err := a.prepare(ctx); err != nil {
		return err
	}
	if a.Set.Stores() {
		r.say("making a scratch database")
		if a.databases, err = r.on.open(ctx, a); err != nil {
			return err
		}
		r.report.Database = a.databases.about()
		r.report.Target += ", " + r.report.Database
	}
	r.say("starting the app")
	lanes, err := r.lanes(ctx, a)
	if err != nil {
		return notStarted(ctx, err)
	}
	first := &lanes[0]
	if err := r.learn(ctx, first); err != nil {
		return err
	}
	for i := range lanes { // they are the same app
		lanes[i].Prefix, lanes[i].Paths, lanes[i].Guarded = first.Prefix, first.Paths, first.Guarded
	}
	r.judge(ctx, lanes)
	return nil
}

func notStarted(ctx context.Context, err error) error {
	var refused *conformance.RefusedError
	var unjudged *Unjudged
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &unjudged):
		return unjudged
	case errors.As(err, &refused):
		return &Unjudged{What: "the app ended instead of starting", Detail: refused.Output,
			Hint: "mend what it says, then run again; a program that wants arguments gets them so: fastman verify:auth -- serve"}
	}
	what, detail, _ := strings.Cut(err.Error(), "\n")
	return &Unjudged{What: what, Detail: detail, Hint: "let it listen on the port that PORT names, or say how it is told: fastman verify:auth -- --port={port}"}
}

// judge runs the cases, and says when all of a group have ended.
func (r *verification) judge(ctx context.Context, lanes []conformance.Target) {
	all := r.cases()
	r.say(fmt.Sprintf("%d cases", len(all)))
	left, held, done := map[string]int{}, map[string]int{}, 0
	for _, c := range all {
		left[group(c)]++
	}
	for result := range conformance.Share(ctx, lanes, r.wants) {
		done++
		group := group(result.Case)
		left[group]--
		switch judged := r.report.judge(result, r.app); judged.Outcome {
		case Held:
			held[group]++
		case Failed:
			r.say("failed: " + judged.Name)
		}
		if left[group] == 0 {
			r.say(fmt.Sprintf("%d of %d: %s: %d held", done, len(all), group, held[group]))
		}
	}
}

// group is what the names of related cases begin with.
func group(c conformance.Case) string {
	name, _, _ := strings.Cut(c.Name, "/")
	return name
}
