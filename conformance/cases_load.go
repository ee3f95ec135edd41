package conformance

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fastman/internal/feature"
)

var loadCases = []Case{
	{
		Name: "load/64-at-once-are-all-answered", Section: "Access token: get_current_user reads user and session in one statement",
		Run: loadMe,
	},
	{
		Name: "load/hashing-is-bounded-and-me-keeps-answering", Section: "Hashing is bounded: past it 503 with Retry-After",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.6.4", "RFC 9110 10.2.3"}, Turn: Alone, Run: loadLogins,
	},
	{
		Name: "load/who-hangs-up-gives-the-place-back", Section: "Hashing is bounded: a queue of ten times that",
		Type: feature.JWT, Turn: Alone, Run: loadCancelled,
	},
	{
		Name: "load/the-database-is-never-locked", Section: "Bytes: \"database is locked\" is not an answer",
		Type: feature.JWT, Run: loadWrites,
	},
}

func loadMe(t *T) {
	_, s := t.member()
	for range 5 {
		calls := slices.Repeat([]call{me(s.access)}, 64)
		for _, a := range t.together(calls) {
			if a.err != nil {
				t.Fatalf("one of 64 at once got no answer: %v", a.err)
			}
			a.want(http.StatusOK)
		}
	}
}

// crowd prepares 500 logins, from 50 addresses, of accounts and of nobody. What it
// returns sends them all at once.
func (t *T) crowd() func(ctx context.Context, answered func(*answer)) {
	known := []account{t.register(), t.register(), t.register(), t.register()}
	sources := make([]*T, 50)
	for i := range sources {
		sources[i] = t.fresh()
	}
	return func(ctx context.Context, answered func(*answer)) {
		var all sync.WaitGroup
		for _, from := range sources {
			for i := range 10 {
				acc := known[i%len(known)]
				if i >= len(known) {
					acc.email = newAccount().email
				}
				all.Go(func() { answered(from.try(ctx, loginForm(acc.email, acc.password))) })
			}
		}
		all.Wait()
	}
}

// hashing is the app with a hash that takes long enough to queue up for.
func (t *T) hashing() *T {
	if t.target.Boot == nil {
		return t
	}
	return t.boot(map[string]string{"BCRYPT_ROUNDS": "10"})
}

func loadLogins(t *T) {
	app := t.hashing()
	_, s := app.member()
	logins, answers := app.crowd(), make(chan *answer, 500)
	go func() {
		defer close(answers)
		logins(app, func(a *answer) { answers <- a })
	}()
	counts := map[int]int{}
	meanwhile, slowest := 0, time.Duration(0)
	for storm := true; storm; {
		a := app.me(s.access).want(http.StatusOK)
		slowest = max(slowest, a.took)
		meanwhile++
		storm = drain(answers, counts, app)
	}
	if slowest > 3*time.Second {
		t.Errorf("during the logins /me took up to %v", slowest)
	}
	if counts[200] == 0 || counts[http.StatusServiceUnavailable] == 0 {
		t.Errorf("500 logins at once ended as %v, want some 200, and 503 past the queue", counts)
	}
	if meanwhile < 5 {
		t.Errorf("during the logins /me was answered only %d times", meanwhile)
	}
	app.registrations()
}

// drain takes the answers that are there. It is false when the last has come.
func drain(answers <-chan *answer, counts map[int]int, t *T) bool {
	for {
		select {
		case a, more := <-answers:
			if !more {
				return false
			}
			if a.err != nil {
				t.Errorf("a login among 500 got no answer: %v", a.err)
				continue
			}
			counts[a.status]++
			a.expect("a login among 500", 200, 401, 429, 503)
			a.wantRetryAfter()
		default:
			return true
		}
	}
}

// wantRetryAfter expects that who is sent away hears when to come back.
func (a *answer) wantRetryAfter() {
	if a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
		return
	}
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 {
		a.errorf("Retry-After is %q, want seconds", a.header.Get("Retry-After"))
	}
	if a.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		a.errorf("%d is not an answer of the module", a.status)
	}
	a.detail()
}

func loadCancelled(t *T) {
	app := t.hashing()
	acc := app.register()
	logins := app.crowd()
	for range 3 {
		ctx, hangUp := context.WithCancel(app)
		var done sync.WaitGroup
		done.Go(func() { logins(ctx, func(*answer) {}) })
		app.send(get("/me")).want(http.StatusUnauthorized) // the crowd is on its way
		hangUp()
		done.Wait()
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		a := app.fresh().login(acc.email, acc.password).want(200, 503)
		if a.status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			a.fatalf("30 s after everybody has hung up, the queue is still full")
		}
	}
}

func loadWrites(t *T) {
	acc := t.register()
	var calls []call
	for range 6 {
		calls = append(calls, loginForm(acc.email, acc.password), post("/register", newAccount().registration()))
	}
	for i, a := range t.together(calls) {
		if a.err != nil {
			t.Fatalf("one of 12 writers at once got no answer: %v", a.err)
		}
		if i%2 == 0 {
			a.expect("one of 6 logins among 6 registrations", 200, 503)
		} else {
			a.expect("one of 6 registrations among 6 logins", 201, 503)
		}
	}
}

// registrations expects that they take their turn at the hashes, too.
func (t *T) registrations() {
	calls := make([]call, 400)
	for i := range calls {
		calls[i] = post("/register", newAccount().registration())
	}
	counts := map[int]int{}
	for _, a := range t.together(calls) {
		if a.err != nil {
			t.Fatalf("one of 400 registrations at once got no answer: %v", a.err)
		}
		a.expect("one of 400 registrations at once", http.StatusCreated, http.StatusServiceUnavailable)
		a.wantRetryAfter()
		counts[a.status]++
	}
	if counts[http.StatusCreated] == 0 || counts[http.StatusServiceUnavailable] == 0 {
		t.Errorf("400 registrations at once ended as %v, want some 201, and 503 past the queue", counts)
	}
}
