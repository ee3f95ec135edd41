// Package conformance proves over HTTP that an app keeps the contract of the
// authentication that fastman puts into it. It knows nothing of the app's language:
// a base URL goes in, and with it whatever else the caller can offer, such as the
// app's key, its database, or a way to start it again with other settings. Results
// come out. What a case needs and does not get makes it skipped, never passed.
package conformance

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// caseTimeout bounds one case; the slowest, which measures time, takes a third of it.
const caseTimeout = 3 * time.Minute

// Target is the app under test. URL and Set are required. The app's database must be
// a scratch one: the cases write to it.
type Target struct {
	URL    string // where the app listens: "http://127.0.0.1:8000"
	Prefix string // where the module is mounted; "" is /auth
	Set    feature.Set
	// Paths are routes that do not stand where the contract has them.
	Paths Paths

	// OwnTexts lets the texts of errors be other ones: their owner may have translated
	// them. What programs read, such as reauth_required, stays.
	OwnTexts bool
	// UsersTable is the table of users; "" is users.
	UsersTable string

	Secret  string  // SECRET_KEY; "" skips the cases that make tokens by hand
	Issuer  string  // AUTH_ISSUER; "" is fastman:app
	DB      *sql.DB // nil skips the cases that look behind the answers
	Dialect Dialect // of DB
	// DatabaseURL is what the app's DATABASE_URL is, for the cases that come between
	// the two.
	DatabaseURL string

	// Mail gets what the app sends; AUTH_PUBLIC_URL is https://app.example. nil skips
	// the cases that read mails.
	Mail *Mailbox
	// Providers are the stand-ins that the app signs in with, told to it by what
	// Provided returns. nil skips the cases that sign in with a provider.
	Providers *standin.Providers
	// Realm is the realm of Keycloak that the app is told of by what its Env returns.
	// nil skips the cases that have tokens of it.
	Realm *Realm
	// Guarded are routes of the app's own that ask for roles. It may be nil.
	Guarded *Guarded
	// Output returns what the app has written to its log so far. It may be nil.
	Output func() string
	// Boot starts a second process of the app on the same database, with env on top
	// of the environment of the first. An app that refuses to start is a
	// *RefusedError. Boot may be nil.
	Boot func(ctx context.Context, env map[string]string) (*Instance, error)

	secrets *secrets // of all cases of a run
	lanes   []Target // all of a run, this one among them
}

// Guarded are routes of the app's own: paths that begin with two slashes.
type Guarded struct {
	Admins  string // asks for the realm's role admin
	Editors string // asks for the role editor of the realm's client
}

// Instance is a process of the app that Boot has started.
type Instance struct {
	URL    string
	Output func() string
	Stop   func()
}

// RefusedError is an app that ended instead of starting.
type RefusedError struct{ Output string }

func (e *RefusedError) Error() string { return "the app does not start:\n" + e.Output }

// Dialect is the language of the scratch database.
type Dialect string

const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Need is what a case must be given beyond the URL.
type Need string

const (
	NeedSecret Need = "the app's SECRET_KEY"
	NeedDB     Need = "the app's scratch database"
	NeedBoot   Need = "a way to start the app again"
	NeedOutput Need = "the app's log"
	NeedMail   Need = "a mail server that the app sends to"

	NeedDatabaseURL Need = "the app's DATABASE_URL"
	NeedProviders   Need = "local stand-ins for the providers"

	NeedRealm        Need = "a realm of Keycloak"
	NeedStandinRealm Need = "a stand-in for a realm of Keycloak"
	NeedGuarded      Need = "require_roles of the app, in Go RequireRoles and RequireClientRoles, which could not be called"

	// What the set must have beside the case's type.
	NeedPasskeys Need = "passkeys"
	NeedCookies  Need = "sessions by cookie"
	NeedPage     Need = "the page of passkeys"
	NeedUsers    Need = "users of the app's own" // not only tokens of Keycloak
)

// Case shows one statement of the contract.
type Case struct {
	Name    string // "register/answers-201-with-the-user"
	Section string // the part of the contract that makes the statement
	// Type must be in the set. "" is for cases that need an account and a session, and
	// not any one way to make them.
	Type feature.Type
	// Provider must be in the set, unless it is "".
	Provider feature.Provider
	ASVS     []string // requirements of OWASP ASVS 5.0 that the statement serves
	RFC      []string
	Needs    []Need
	Turn     Turn
	// Harmless is a case for a server that others use: it makes no account, sends no
	// mail, and counts against nobody.
	Harmless bool
	Run      func(*T)
}

// Outcome is how a case ended.
type Outcome string

const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is one case and its end. Detail says why it failed, with the request and
// the answer that show it, or what a skipped case would have needed.
type Result struct {
	Case    Case
	Outcome Outcome
	Detail  string
	// Obstacle is what a skipped case could not get past, or nil.
	Obstacle *Obstacle
	Took     time.Duration
}

// Cases returns the cases that apply to set. They run in this order, but for their turns.
func Cases(set feature.Set) []Case {
	groups := [][]Case{
		registerCases, identityCases, passwordCases, hashCases,
		loginCases, meCases, tokenCases, jwsCases, keyCases, rotationCases, refreshCases, forgedCases, sessionCases,
		changeCases, resetCases, verifyCases, revealCases, mailCases,
		answerCases, malformedCases, settingsCases, storageCases, purgeCases, loadCases, timingCases, startCases,
		proxyCases, throttleCases, outageCases,
		oauthLoginCases, oauthCallbackCases, oauthIdentityCases, oauthOwnershipCases, oauthOpenIDCases, oauthFaultCases,
		oauthNativeCases, oauthLinkCases, cookieCases, crossSiteCases, logoutPageCases, oauthSettingsCases,
		passkeyRegisterCases, passkeySignInCases, passkeyManageCases, passkeyWaysCases, passkeyRecoveryCases, passkeySettingsCases, passkeyPageCases,
		keycloakCases, keycloakFaultCases, keycloakSettingsCases, keycloakUserCases,
		serverCases, logCases, oauthSecretCases,
	}
	var all []Case
	for _, group := range groups {
		for _, c := range group {
			if c.applies(set) {
				all = append(all, c)
			}
		}
	}
	return all
}

func (c Case) applies(set feature.Set) bool {
	if c.Provider != "" && !set.HasProvider(c.Provider) {
		return false
	}
	for _, n := range c.Needs {
		if !n.in(set) {
			return false
		}
	}
	if c.Type == "" {
		return set.Has(feature.JWT) || set.Has(feature.OAuth) || set.Has(feature.Passkey)
	}
	return set.Has(c.Type)
}

// in is whether a set has what a case needs of it.
func (n Need) in(set feature.Set) bool {
	switch n {
	case NeedProviders:
		return set.Has(feature.OAuth)
	case NeedPasskeys:
		return set.Has(feature.Passkey)
	case NeedCookies:
		return cookies(set)
	case NeedPage:
		return set.UI()
	case NeedUsers:
		return !set.Equal(feature.NewSet(feature.Keycloak))
	}
	return true
}

// cookies is whether apps of the set have sessions by cookie.
func cookies(set feature.Set) bool { return set.Has(feature.OAuth) || set.UI() }

// needs adds to what a case says of itself: where accounts are not made by password,
// they are made by a provider, if there is one.
func (c Case) needs(set feature.Set) []Need {
	if c.Type == feature.OAuth || set.Has(feature.OAuth) && (c.Type == "" && !set.Has(feature.JWT) || slices.Contains(c.Needs, NeedCookies)) {
		return append(slices.Clone(c.Needs), NeedProviders)
	}
	if c.Type == feature.Keycloak {
		return append(slices.Clone(c.Needs), NeedRealm)
	}
	return c.Needs
}

func (target Target) withDefaults(secrets *secrets) Target {
	if target.Prefix == "" {
		target.Prefix = "/auth"
	}
	if target.Issuer == "" {
		target.Issuer = "fastman:app"
	}
	target.URL = strings.TrimRight(target.URL, "/")
	if target.Providers != nil {
		target.allowCallbacks(target.Providers)
	}
	target.secrets = secrets
	secrets.watch(target.Output)
	return target
}

func (target Target) has(n Need) bool {
	switch n {
	case NeedSecret:
		return target.Secret != ""
	case NeedDB:
		return target.DB != nil
	case NeedBoot:
		return target.Boot != nil
	case NeedDatabaseURL:
		return target.DatabaseURL != ""
	case NeedMail:
		return target.Mail != nil
	case NeedProviders:
		return target.Providers != nil
	case NeedUsers:
		return true // or the case does not apply
	case NeedRealm:
		return target.Realm != nil
	case NeedStandinRealm:
		return target.Realm != nil && target.Realm.Standin != nil
	case NeedGuarded:
		return target.Guarded != nil
	case NeedOutput:
		return target.Output != nil
	case NeedPasskeys, NeedCookies, NeedPage:
		return true // or the case does not apply
	}
	return false
}

func runCase(ctx context.Context, target Target, c Case) (r Result) {
	r = Result{Case: c, Outcome: Passed}
	for _, n := range c.needs(target.Set) {
		if !target.has(n) {
			r.Outcome, r.Detail = Skipped, "needs "+string(n)
			return r
		}
	}
	ctx, cancel := context.WithTimeout(ctx, caseTimeout)
	defer cancel()
	t := newT(ctx, target)
	start := time.Now()
	defer func() {
		t.close()
		r.Took = time.Since(start)
		r.Outcome, r.Detail = t.outcome()
		if r.Outcome == Skipped {
			r.Obstacle = t.verdict.obstacle.Load()
		}
	}()
	defer t.recover()
	c.Run(t)
	return r
}

// T is what a running case works with. It is used from one goroutine; what runs
// beside it hands its answers back to that one.
type T struct {
	context.Context
	target  Target
	source  *source
	verdict *verdict
}

// verdict is shared by all T of one case.
type verdict struct {
	failures []string
	skipped  string
	cleanup  []func()
	obstacle atomic.Pointer[Obstacle]
}

// ended is what Fatalf panics with.
type ended struct{}

// maxFailures is how many findings of one case are reported.
const maxFailures = 5

func newT(ctx context.Context, target Target) *T {
	return &T{Context: ctx, target: target, source: newSource(target.URL), verdict: &verdict{}}
}

// on is the same case against another process of the app.
func (t *T) on(url string) *T {
	target := t.target
	target.URL = url
	return t.in(target)
}

// in is the same case against another target.
func (t *T) in(target Target) *T {
	return &T{Context: t.Context, target: target, source: t.source, verdict: t.verdict}
}

// Errorf notes a finding and goes on.
func (t *T) Errorf(format string, args ...any) {
	if t.isBlocked() {
		return
	}
	t.verdict.failures = append(t.verdict.failures, fmt.Sprintf(format, args...))
}

// Fatalf notes a finding and ends the case.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(ended{})
}

// skip ends the case without a verdict.
func (t *T) skip(why string) {
	t.verdict.skipped = why
	panic(ended{})
}

func (t *T) defers(f func()) { t.verdict.cleanup = append(t.verdict.cleanup, f) }

func (t *T) recover() {
	switch p := recover().(type) {
	case nil, ended:
	default:
		t.Errorf("the case itself broke: %v\n%s", p, debug.Stack())
	}
}

func (t *T) close() {
	for i := len(t.verdict.cleanup) - 1; i >= 0; i-- {
		t.verdict.cleanup[i]()
	}
	t.source.close()
}

func (t *T) outcome() (Outcome, string) {
	found := t.verdict.failures
	switch {
	case len(found) > maxFailures:
		more := fmt.Sprintf("… and %d more", len(found)-maxFailures)
		return Failed, strings.Join(append(found[:maxFailures:maxFailures], more), "\n")
	case len(found) > 0:
		return Failed, strings.Join(found, "\n")
	case t.isBlocked():
		return Skipped, t.verdict.obstacle.Load().String()
	case t.verdict.skipped != "":
		return Skipped, t.verdict.skipped
	}
	return Passed, ""
}
