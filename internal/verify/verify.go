// Package verify shows whether the sign-in of a project still holds after its owner has
// edited it: it starts the app on scratch data, and runs the black-box suite against it.
package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"fastman/conformance"
	"fastman/conformance/standin"
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

// checkURL keeps somebody from trying out what is not theirs.
func checkURL(o Options) error {
	if o.URL == "" {
		return nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &install.Usage{What: fmt.Sprintf("--url %q is not an address", o.URL), Hint: "as in: --url=http://127.0.0.1:8000"}
	}
	if ip := net.ParseIP(u.Hostname()); !o.Own && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return &install.Usage{What: u.Hostname() + " is not this machine, and only its owner may try it out", Hint: "if that is you: add --i-own-this-host"}
	}
	return nil
}

// cases are those that apply and were asked for.
func (r *verification) cases() []conformance.Case {
	return slices.DeleteFunc(conformance.Cases(r.app.Set), func(c conformance.Case) bool { return !r.wants(c) })
}

func (r *verification) wants(c conformance.Case) bool {
	return r.only.MatchString(c.Name) && r.why(c) == ""
}

// why says why a case does not apply; "" is one that does.
func (r *verification) why(c conformance.Case) string {
	switch {
	case !slices.ContainsFunc(conformance.Cases(r.app.Set), func(o conformance.Case) bool { return o.Name == c.Name }):
		return "not installed: " + subject(c, r.app.Set)
	case slices.Contains(c.Needs, conformance.NeedGuarded):
		return "needs " + string(conformance.NeedGuarded) + ", which are not known"
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

// running judges a server that runs already, by what harms nobody.
func (r *verification) running(ctx context.Context) error {
	r.judge(ctx, conformance.Target{URL: r.URL, Set: r.app.Set, Prefix: r.app.Prefix, OwnTexts: true})
	return nil
}

// scratch starts the app with nothing of the user's in reach, and judges that.
func (r *verification) scratch(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "fastman-verify-")
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	secret := rand.Text() + rand.Text()
	a := &app{Installation: r.app, scratch: dir, env: usual(secret), dialect: r.on.dialect}
	defer func() { err = errors.Join(err, a.close()) }()
	if r.app.IsGo() {
		r.say("building the app")
	}
	target, release, err := r.target(ctx, a, secret)
	if err != nil {
		return err
	}
	defer release()
	if err := a.prepare(ctx); err != nil {
		return err
	}
	if r.app.Set.Stores() {
		r.say("making a scratch database")
		var server scratchServer
		if server, err = r.on.open(ctx, a); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.close()) }()
		if err := r.database(ctx, a, server, &target); err != nil {
			return err
		}
	}
	r.say("starting the app")
	instance, err := a.boot(ctx, nil)
	if err != nil {
		return notStarted(ctx, err)
	}
	defer instance.Stop()
	target.URL, target.Output = instance.URL, instance.Output
	if r.app.Set.Stores() {
		target.DB = openDatabase(a.database(target.DatabaseURL))
		defer target.DB.Close()
		if _, err := target.DB.ExecContext(ctx, "SELECT 1 FROM "+r.app.UsersTable+" LIMIT 1"); err != nil {
			return &Unjudged{What: "the app has not made its table of users in the scratch database: " + err.Error(),
				Hint: "let it read DATABASE_URL, from the environment before the env file"}
		}
	}
	r.judge(ctx, target)
	return nil
}

// database gives the app an empty database with its tables.
func (r *verification) database(ctx context.Context, a *app, server scratchServer, target *conformance.Target) (err error) {
	if target.DatabaseURL, err = server.newDatabase(ctx); err != nil {
		return err
	}
	target.Dialect, r.report.Database = r.on.dialect, server.about()
	r.report.Target += ", " + r.report.Database
	a.env["DATABASE_URL"] = target.DatabaseURL
	if a.IsGo() {
		return nil // it does it when it starts
	}
	return a.migrate(ctx)
}

// target is all that the suite is offered, but for the running app: what it sends mail
// to, what people sign in with, and a way to start it again.
func (r *verification) target(ctx context.Context, a *app, secret string) (t conformance.Target, release func(), err error) {
	var open []func()
	release = func() {
		for _, f := range open {
			f()
		}
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	set := r.app.Set
	t = conformance.Target{Set: set, Prefix: r.app.Prefix, UsersTable: r.app.UsersTable, OwnTexts: true, Secret: secret, Issuer: issuer,
		Boot: a.boot}
	if t.Mail, err = conformance.NewMailbox(); err != nil {
		return t, release, err
	}
	open = append(open, t.Mail.Close)
	a.env["AUTH_MAIL_URL"], a.env["AUTH_PUBLIC_URL"] = t.Mail.URL(), "https://app.example"
	if set.Has(feature.OAuth) {
		if t.Providers, err = standin.Start(ctx, standin.Options{}); err != nil {
			return t, release, err
		}
		open = append(open, t.Providers.Close)
	}
	maps.Copy(a.env, conformance.Provided(set, t.Providers))
	if set.Has(feature.Keycloak) {
		if t.Realm, err = playRealm(ctx, &open); err == nil {
			t.Realm.Other, err = playRealm(ctx, &open)
		}
		if err != nil {
			return t, release, err
		}
		maps.Copy(a.env, t.Realm.Env())
	}
	return t, release, nil
}

// playRealm is a realm of Keycloak played on this machine.
func playRealm(ctx context.Context, open *[]func()) (*conformance.Realm, error) {
	played, err := standin.StartRealm(ctx, standin.Options{}, "")
	if err != nil {
		return nil, err
	}
	*open = append(*open, played.Close)
	return conformance.StandinRealm(played), nil
}

func notStarted(ctx context.Context, err error) error {
	var refused *conformance.RefusedError
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.As(err, &refused) {
		return &Unjudged{What: "the app ended instead of starting", Detail: refused.Output, Hint: "mend what it says, then run again"}
	}
	what, detail, _ := strings.Cut(err.Error(), "\n")
	return &Unjudged{What: what, Detail: detail, Hint: "let it listen on the port that PORT names"}
}

// judge runs the cases.
func (r *verification) judge(ctx context.Context, target conformance.Target) {
	all, group, held := len(r.cases()), "", 0
	r.say(fmt.Sprintf("%d cases", all))
	done := 0
	for result := range conformance.Run(ctx, target, r.wants) {
		if ctx.Err() != nil {
			return // what it broke off says nothing
		}
		done++
		name, _, _ := strings.Cut(result.Case.Name, "/")
		if name != group && group != "" {
			r.say(fmt.Sprintf("%d of %d: %s: %d held", done-1, all, group, held))
			held = 0
		}
		group = name
		judged := r.report.judge(result, r.app)
		switch judged.Outcome {
		case Held:
			held++
		case Failed:
			r.say("failed: " + judged.Name)
		}
	}
	if group != "" {
		r.say(fmt.Sprintf("%d of %d: %s: %d held", done, all, group, held))
	}
}
