package verify

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"runtime"
	"sync"

	"fastman/conformance"
	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// casesPerLane is how many cases make it worth while to start the app once more.
const casesPerLane = 20

// laneCount is more than there are processors: many cases wait.
func laneCount(cases int) int { return min(1+cases/casesPerLane, 2+runtime.NumCPU()) }

// lane is the app on a database, a mailbox, providers and a realm of its own.
type lane struct {
	*app
	name string            // of its files
	env  map[string]string // of every start
}

// lanes starts the app on as many as the cases are worth, side by side.
func (r *verification) lanes(ctx context.Context, a *app) ([]conformance.Target, error) {
	targets := make([]conformance.Target, laneCount(len(r.cases())))
	errs := make([]error, len(targets))
	var all sync.WaitGroup
	for i := range targets {
		all.Go(func() { targets[i], errs[i] = startLane(ctx, a, fmt.Sprint("lane", i+1)) })
	}
	all.Wait()
	return targets, cmp.Or(errs...) // one speaks for all: they are the same app
}

// startLane starts the app once, and returns it with all that the suite is offered.
func startLane(ctx context.Context, a *app, name string) (t conformance.Target, err error) {
	secret := rand.Text() + rand.Text()
	l := &lane{app: a, name: name, env: usual(secret)}
	t = conformance.Target{Set: a.Set, Prefix: a.Prefix, UsersTable: a.UsersTable, OwnTexts: true, Secret: secret, Issuer: issuer, Boot: l.boot}
	if err := l.surround(ctx, &t); err != nil {
		return t, err
	}
	if a.Set.Stores() {
		if err := l.store(ctx, &t); err != nil {
			return t, err
		}
	}
	instance, err := l.boot(ctx, nil)
	if err != nil {
		return t, err
	}
	t.URL, t.Output = instance.URL, instance.Output
	if a.Set.Stores() {
		return t, l.connect(ctx, &t)
	}
	return t, nil
}

// store gives the lane an empty database with its tables.
func (l *lane) store(ctx context.Context, t *conformance.Target) (err error) {
	if t.DatabaseURL, err = l.databases.newDatabase(ctx); err != nil {
		return err
	}
	t.Dialect, l.env["DATABASE_URL"] = l.dialect, t.DatabaseURL
	if l.IsGo() {
		return nil // it makes them when it starts
	}
	return l.migrate(ctx)
}

// connect lets the suite look into the app's database.
func (l *lane) connect(ctx context.Context, t *conformance.Target) error {
	t.DB = openDatabase(l.database(t.DatabaseURL))
	l.defers(func() { _ = t.DB.Close() })
	if _, err := t.DB.ExecContext(ctx, "SELECT 1 FROM "+l.UsersTable+" LIMIT 1"); err != nil {
		return &Unjudged{What: "the app has not made its table of users in the scratch database: " + err.Error(),
			Hint: "let it read DATABASE_URL, from the environment before the env file"}
	}
	return nil
}

// surround starts what the app talks to: what it sends mail to, and what people sign in
// with.
func (l *lane) surround(ctx context.Context, t *conformance.Target) (err error) {
	if t.Mail, err = conformance.NewMailbox(); err != nil {
		return err
	}
	l.defers(t.Mail.Close)
	l.env["AUTH_MAIL_URL"], l.env["AUTH_PUBLIC_URL"] = t.Mail.URL(), "https://app.example"
	if l.Set.Has(feature.OAuth) {
		if t.Providers, err = standin.Start(ctx, standin.Options{}); err != nil {
			return err
		}
		l.defers(t.Providers.Close)
	}
	maps.Copy(l.env, conformance.Provided(l.Set, t.Providers))
	if l.Set.Has(feature.Keycloak) {
		if t.Realm, err = l.playRealm(ctx); err == nil {
			t.Realm.Other, err = l.playRealm(ctx)
		}
		if err != nil {
			return err
		}
		maps.Copy(l.env, t.Realm.Env())
	}
	return nil
}

// playRealm is a realm of Keycloak played on this machine.
func (l *lane) playRealm(ctx context.Context) (*conformance.Realm, error) {
	played, err := standin.StartRealm(ctx, standin.Options{}, "")
	if err != nil {
		return nil, err
	}
	l.defers(played.Close)
	return conformance.StandinRealm(played), nil
}
