package conformance

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthFaultCases = []Case{
	{
		Name: "oauth/garbage-of-a-provider-is-502", Section: "oauth: answers garbage",
		Type: feature.OAuth, ASVS: []string{"16.5.3"}, Run: faultGarbage,
	},
	{
		Name: "oauth/redirects-of-a-provider-are-not-followed", Section: "oauth: answers garbage",
		Type: feature.OAuth, ASVS: []string{"10.1.1"}, Run: faultRedirect,
	},
	{
		Name: "oauth/100-mb-are-not-read", Section: "oauth: answers garbage",
		Type: feature.OAuth, Run: faultFlood,
	},
	{
		Name: "oauth/a-provider-that-hangs-is-given-up-after-ten-seconds", Section: "oauth: slow (10 s)",
		Type: feature.OAuth, ASVS: []string{"16.5.3"}, Turn: Early, Run: faultHang,
	},
	{
		Name: "oauth/a-provider-that-drips-is-given-up-after-ten-seconds", Section: "oauth: slow (10 s)",
		Type: feature.OAuth, ASVS: []string{"16.5.3"}, Turn: Early, Run: faultDrip,
	},
	{
		Name: "oauth/twenty-that-hang-leave-me-as-fast-as-it-was", Section: "oauth: slow (10 s)",
		Type: feature.OAuth, Turn: Alone, Run: faultResponsive,
	},
	{
		Name: "oauth/past-sixteen-a-sign-in-waits-its-turn", Section: "oauth: slow (10 s)",
		Type: feature.OAuth, RFC: []string{"RFC 9110 15.6.4"}, Run: faultBusy,
	},
	{
		Name: "oauth/discovery-that-fails-is-502-and-comes-back", Section: "oauth: a provider that is down",
		Type: feature.OAuth, ASVS: []string{"16.5.3"}, Needs: []Need{NeedBoot}, Run: faultDiscovery,
	},
}

// asked are the endpoints that a callback asks.
func asked(p *standin.Provider) []standin.Endpoint {
	switch feature.Provider(p.Name) {
	case feature.GitHub:
		return []standin.Endpoint{standin.Token, standin.User, standin.Emails}
	case feature.Discord:
		return []standin.Endpoint{standin.Token, standin.User}
	}
	return []standin.Endpoint{standin.Token, standin.User} // userinfo, where the id_token is thin
}

// faulty is a sign-in at a provider one of whose endpoints is broken.
func (t *T) faulty(p *standin.Provider, at standin.Endpoint, fault http.HandlerFunc) (*browser, standin.Account, *answer) {
	account, b := person(p), t.browser()
	mends := []func(){p.Break(at, fault)}
	if openID(p) {
		mends = append(mends, p.Forge(thin))
	}
	a := b.signIn(p, account)
	for _, mend := range mends {
		mend()
	}
	return b, account, a
}

func faultGarbage(t *T) {
	json, html := "application/json", "text/html"
	for _, p := range t.providers() {
		for _, at := range asked(p) {
			for what, fault := range map[string]http.HandlerFunc{
				"500": standin.Status(http.StatusInternalServerError), "503": standin.Status(http.StatusServiceUnavailable),
				"404": standin.Status(http.StatusNotFound), "204": standin.Status(http.StatusNoContent), "401": standin.Status(http.StatusUnauthorized),
				"HTML": standin.Body(html, "<!doctype html><title>Sorry</title><h1>We are down</h1>"), "HTML that says JSON": standin.Body(json, "<html></html>"),
				"half a JSON": standin.Body(json, `{"access_token": "x", "id": 1, "sub`), "nothing": standin.Body(json, ""), "null": standin.Body(json, "null"),
				"a number": standin.Body(json, "42"), "a list of numbers": standin.Body(json, "[1, 2]"), "an empty object": standin.Body(json, "{}"),
				"bytes": standin.Body(json, "\xff\xfe\x00"), "deep JSON": standin.Body(json, deep), "NaN": standin.Body(json, `{"id": NaN, "sub": NaN, "access_token": NaN}`),
				"other types": standin.Body(json, `{"access_token": 7, "token_type": [], "id_token": {}, "id": {}, "sub": [], "email": {}, "verified": "x"}`),
				"a hang-up":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			} {
				mark := t.mark()
				b, account, a := t.faulty(p, at, fault)
				tried := p.Name + " answers " + string(at) + " with " + what
				a.refused(tried, http.StatusBadGateway, unclear)
				b.wantNothing(tried, account)
				t.wantReason(tried, mark, "unavailable", "id_token", "subject")
			}
		}
		for what, change := range map[string]func(map[string]any){
			"another kind of token": func(answer map[string]any) { answer["token_type"] = "mac" },
			"no kind of token":      func(answer map[string]any) { delete(answer, "token_type") },
			"no access token":       func(answer map[string]any) { delete(answer, "access_token") },
			"an empty access token": func(answer map[string]any) { answer["access_token"] = "" },
		} {
			b, account := t.browser(), person(p)
			mend := p.Change(standin.Token, change)
			a := b.signIn(p, account)
			mend()
			a.refused(p.Name+" answers with "+what, http.StatusBadGateway, unclear)
			b.wantNothing(what, account)
		}
		t.browser().enter(p, person(p))
	}
}

var deep = string(slices.Repeat([]byte("["), 100_000))

func faultRedirect(t *T) {
	for _, p := range t.providers() {
		for _, at := range asked(p) {
			for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
				caught := t.trap([]byte(bait))
				fault := func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, caught.url+"/latest/meta-data", status)
				}
				b, account, a := t.faulty(p, at, fault)
				a.refused(p.Name+" redirects "+string(at), http.StatusBadGateway, unclear)
				b.wantNothing("a redirect", account)
				caught.wantNoCalls(t, string(at))
			}
		}
	}
}

// sockets is what may be under way between two processes though nobody reads it.
const sockets = 16 << 20

func faultFlood(t *T) {
	for _, p := range t.providers() {
		for _, at := range asked(p) {
			flood := &standin.Flood{Bytes: 100 << 20}
			b, account, a := t.faulty(p, at, flood.ServeHTTP)
			a.refused(p.Name+" answers "+string(at)+" with 100 MB", http.StatusBadGateway, unclear)
			b.wantNothing("100 MB", account)
			if n := flood.Sent(); n > sockets {
				t.Errorf("%d MB of 100 were taken from %s", n>>20, at)
			}
		}
	}
}

// hung is how long an answer may take when its provider hangs: the ten seconds, and
// what the machine is busy with.
const hung = 14 * time.Second

func faultHang(t *T) {
	t.slowly("hangs", func(p *standin.Provider, at standin.Endpoint) (mend func()) {
		return p.Hang(at).Release
	})
}

func faultDrip(t *T) {
	t.slowly("drips", func(p *standin.Provider, at standin.Endpoint) (mend func()) {
		return p.Break(at, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(500 * time.Millisecond)
			}
		})
	})
}

// slowly lets one endpoint of each provider at a time be slow, all providers together.
func (t *T) slowly(what string, slow func(*standin.Provider, standin.Endpoint) (mend func())) {
	for i := range 3 {
		type try struct {
			b       *browser
			account standin.Account
			call    call
			at      standin.Endpoint
		}
		var tries []try
		var mends []func()
		for _, p := range t.providers() {
			if endpoints := asked(p); i < len(endpoints) {
				b, account := t.browser(), person(p)
				path := b.begin(p).choose(account)
				tries = append(tries, try{b, account, get(path).with("Cookie", b.cookies()), endpoints[i]})
				mends = append(mends, slow(p, endpoints[i]))
				if openID(p) {
					mends = append(mends, p.Forge(thin))
				}
			}
		}
		var calls []call
		for _, one := range tries {
			calls = append(calls, one.call)
		}
		for j, a := range t.together(calls) {
			tried := string(tries[j].at) + " " + what
			if a.err != nil {
				t.Fatalf("%s: %v", tried, a.err)
			}
			a.refused(tried, http.StatusBadGateway, unclear)
			if a.took > hung {
				a.errorf("%s: the answer takes %v", tried, a.took.Round(time.Second))
			}
			tries[j].b.keep(a)
			tries[j].b.wantNothing(tried, tries[j].account)
		}
		for _, mend := range mends {
			mend()
		}
	}
}

// crowdOf prepares callbacks of n people whose provider hangs.
func (t *T) crowdOf(n int) (calls []call) {
	for i := range n {
		all := t.providers()
		p, b := all[i%len(all)], t.browser()
		path := b.begin(p).choose(person(p))
		calls = append(calls, get(path).with("Cookie", b.cookies()))
	}
	return calls
}

// hangAll lets the token endpoint of every provider hang.
func (t *T) hangAll() (waiting func() int, release func()) {
	var all []*standin.Hanging
	for _, p := range t.providers() {
		all = append(all, p.Hang(standin.Token))
	}
	return func() int {
			sum := 0
			for _, h := range all {
				sum += h.Waiting()
			}
			return sum
		}, func() {
			for _, h := range all {
				h.Release()
			}
		}
}

// atOnce is how many sign-ins may wait for providers in one process.
const atOnce = 16

// wantWaiting expects that as many wait as may.
func (t *T) wantWaiting(waiting func() int) {
	for deadline := time.Now().Add(5 * time.Second); waiting() < atOnce && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := waiting(); n != atOnce {
		t.Errorf("%d callbacks wait for a provider, want %d", n, atOnce)
	}
}

// meTimes asks for /me so many times, by cookie, and returns how long each took.
func (b *browser) meTimes(n int) []time.Duration {
	var all []time.Duration
	for range n {
		all = append(all, b.me().want(http.StatusOK).took)
	}
	return all
}

// p99 is the time within which 99 of 100 were answered.
func p99(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)*99/100]
}

// hangRounds are measured in turns, so that what else the machine does slows both.
const (
	hangRounds  = 5
	perRound    = 150
	leastTimes  = 5 * time.Millisecond // below which p99 is what else the machine does
	twentyHangs = 20
)

func faultResponsive(t *T) {
	p := t.first()
	b := t.browser().enter(p, person(p))
	b.meTimes(perRound)
	var quiet, loud []time.Duration
	for range hangRounds {
		quiet = append(quiet, p99(b.meTimes(perRound)))
		calls := t.crowdOf(twentyHangs)
		waiting, release := t.hangAll()
		ctx, hangUp := context.WithCancel(t)
		var all sync.WaitGroup
		for _, c := range calls {
			all.Go(func() { t.try(ctx, c) })
		}
		t.wantWaiting(waiting)
		loud = append(loud, p99(b.meTimes(perRound)))
		release()
		all.Wait()
		hangUp()
	}
	if limit := max(2*median(quiet), leastTimes); median(loud) > limit {
		t.Errorf("while 20 callbacks hang, the p99 of /me is %v, want at most %v: twice its own", loud, quiet)
	}
	t.browser().signIn(p, person(p)).expect("a sign-in afterwards", http.StatusSeeOther)
}

func faultBusy(t *T) {
	calls := t.crowdOf(40)
	waiting, release := t.hangAll()
	defer release()
	answers := make(chan *answer, len(calls))
	for _, c := range calls {
		go func() { answers <- t.try(t, c) }()
	}
	var turnedAway []*answer
	for range len(calls) - atOnce {
		select {
		case a := <-answers:
			turnedAway = append(turnedAway, a)
		case <-time.After(8 * time.Second):
			t.Fatalf("of 40 callbacks at once %d are answered while their provider hangs, and %d wait", len(turnedAway), waiting())
		}
	}
	for _, a := range turnedAway {
		if a.err != nil {
			t.Fatalf("one of 40 callbacks got no answer: %v", a.err)
		}
		a.expect("one of 40 while the provider hangs", http.StatusServiceUnavailable).wantRetryAfter()
	}
	t.wantWaiting(waiting)
	release()
	for range atOnce {
		<-answers
	}
	t.send(turnedAway[0].call).expect("who was turned away, again", http.StatusSeeOther)
}

func faultDiscovery(t *T) {
	if len(t.openIDs()) == 0 {
		return
	}
	var mends []func()
	app := t.elsewhere(func(own *standin.Providers) map[string]string {
		for _, p := range []*standin.Provider{own.Google, own.OIDC} {
			mends = append(mends, p.Break(standin.Discovery, standin.Status(http.StatusInternalServerError)))
		}
		return nil
	})
	for _, p := range app.openIDs() {
		b := app.browser()
		b.visit(loginPath(p)).refused("a login while discovery fails", http.StatusBadGateway, unclear)
	}
	for _, p := range t.providers() {
		if !openID(p) {
			other := app.target.Providers.Named(p.Name)
			app.browser().signIn(other, person(other)).expect("another provider meanwhile", http.StatusSeeOther)
		}
	}
	for _, mend := range mends {
		mend()
	}
	for _, p := range app.openIDs() {
		app.browser().signIn(p, person(p)).expect("a login afterwards", http.StatusSeeOther)
	}
}
