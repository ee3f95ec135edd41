package conformance

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fastman/internal/feature"
)

const (
	perAccountAndIP = 10
	perIP           = 100
	perAccount      = 100
	burst           = 200
)

var throttleCases = []Case{
	{
		Name: "throttle/one-account-from-one-address", Section: "Throttle: Per account and IP 10 in 15 min",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, RFC: []string{"RFC 6585 4", "RFC 9110 10.2.3"}, Run: throttleOne,
	},
	{
		Name: "throttle/the-window-ends", Section: "Throttle: Per account and IP 10 in 15 min",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Needs: []Need{NeedDB}, Run: throttleWindow,
	},
	{
		Name: "throttle/a-success-is-given-back", Section: "Throttle: Counted before the hash, given back on success",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Run: throttleSuccess,
	},
	{
		Name: "throttle/unknown-names-alike", Section: "Throttle: unknown names alike",
		Type: feature.JWT, ASVS: []string{"6.3.1", "6.3.8"}, Run: throttleUnknown,
	},
	{
		Name: "throttle/spellings-count-as-one-name", Section: "Throttle: unknown names alike",
		Type: feature.JWT, ASVS: []string{"6.3.1", "6.3.8"}, Run: throttleSpellings,
	},
	{
		Name: "throttle/one-address-over-many-accounts", Section: "Throttle: per IP 100 in 15 min",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, RFC: []string{"RFC 6585 4"}, Run: throttleSpray,
	},
	{
		Name: "throttle/one-account-from-many-addresses", Section: "Throttle: per account 100 in 24 h",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Needs: []Need{NeedDB}, Run: throttleBotnet,
	},
	{
		Name: "throttle/forgot-serves-the-owner-from-a-known-address", Section: "Throttle: only addresses that had a session of that account may try",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Run: throttleForgot,
	},
	{
		Name: "throttle/200-at-once-get-no-further", Section: "Throttle: Rows, one atomic upsert each",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Needs: []Need{NeedBoot}, Run: throttleBurst,
	},
	{
		Name: "throttle/200-at-once-over-many-accounts", Section: "Throttle: Rows, one atomic upsert each",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, Needs: []Need{NeedBoot}, Run: throttleSprayBurst,
	},
	{
		Name: "throttle/a-full-queue-is-given-back", Section: "Throttle: Counted before the hash, given back on success",
		Type: feature.JWT, Needs: []Need{NeedBoot, NeedDB}, Turn: Alone, Run: throttleBusy,
	},
	{
		Name: "throttle/bad-tokens-are-counted-and-good-ones-served", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		Type: feature.JWT, ASVS: []string{"6.3.1", "6.6.3"}, RFC: []string{"RFC 6585 4"}, Run: throttleTokens,
	},
}

// guess tries so many wrong passwords and counts the answers.
func (t *T) guess(name string, times int) map[int]int {
	counts := map[int]int{}
	for range times {
		counts[t.login(name, "wrong "+unique()).want(401, 429).status]++
	}
	return counts
}

func (t *T) wantGuesses(what, name string, times, tried int) {
	if counts := t.guess(name, times); counts[http.StatusUnauthorized] != tried {
		t.Errorf("%s: of %d wrong passwords %d were tried, want %d", what, times, counts[http.StatusUnauthorized], tried)
	}
}

func throttleOne(t *T) {
	acc, bystander := t.register(), t.register()
	half := perAccountAndIP / 2
	t.wantGuesses("by address", acc.email, half, half)
	t.wantGuesses("by user name, in capitals", strings.ToUpper(acc.username), half+3, perAccountAndIP-half)
	t.login(acc.email, acc.password).expect("the right password past the bound", http.StatusTooManyRequests).wantWindow(15 * time.Minute)
	t.login(bystander.email, bystander.password).expect("another account", http.StatusOK)
	t.fresh().login(acc.email, acc.password).expect("the account from elsewhere", http.StatusOK)
}

// wantWindow expects that whoever is told to come back is told what is left of a window
// that began in this case.
func (a *answer) wantWindow(window time.Duration) {
	a.wantRetryAfter()
	seconds, _ := strconv.Atoi(a.header.Get("Retry-After"))
	if left := time.Duration(seconds) * time.Second; left > window || left < window-caseTimeout {
		a.errorf("Retry-After is not what is left of %v", window)
	}
}

func throttleWindow(t *T) {
	acc := t.register()
	t.guess(acc.email, perAccountAndIP)
	t.login(acc.email, acc.password).want(http.StatusTooManyRequests)
	t.endWindows("login", acc)
	t.login(acc.email, acc.password).expect("when the window is over", http.StatusOK)
	t.wantGuesses("a new window", acc.email, perAccountAndIP+1, perAccountAndIP)
}

// endWindows lets the windows of one account be over.
func (t *T) endWindows(purpose string, acc account) {
	past := t.target.Dialect.stamp(time.Now().Add(-time.Second))
	for _, row := range t.counters(purpose, acc) {
		t.exec("UPDATE auth_throttle SET expires_at = ? WHERE key = ?", past, row[0])
	}
}

// counters are key and count of what is counted for one account.
func (t *T) counters(purpose string, acc account) [][]string {
	return t.query("SELECT key, count FROM auth_throttle WHERE key = ? OR key LIKE ?",
		fmt.Sprintf("%s:account:u%d", purpose, acc.id), fmt.Sprintf("%s:account-ip:u%d:%%", purpose, acc.id))
}

func throttleSuccess(t *T) {
	acc := t.register()
	for range 3 {
		t.wantGuesses("between successes", acc.email, 3, 3)
		t.login(acc.email, acc.password).want(http.StatusOK)
	}
	t.wantGuesses("after three successes", acc.email, 5, 1)
	other := t.register()
	for range perAccountAndIP + 5 {
		t.login(other.email, other.password).want(http.StatusOK)
	}
}

func throttleUnknown(t *T) {
	nobody := newAccount()
	half := perAccountAndIP / 2
	t.wantGuesses("a name nobody has", nobody.username, half, half)
	t.wantGuesses("the same in capitals", strings.ToUpper(nobody.username), half+2, half)
	known := t.register()
	t.guess(known.email, perAccountAndIP)
	sameAnswer("a known and an unknown name past the bound",
		t.login(known.email, "wrong").want(429), t.login(nobody.username, "wrong").want(429))
	known = t.register()
	t.disable(known)
	t.wantGuesses("an inactive account", known.email, perAccountAndIP+1, perAccountAndIP)
}

// disable disables an account where the database is at hand.
func (t *T) disable(acc account) {
	if t.target.DB != nil {
		t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, acc.id)
	}
}

func throttleSpray(t *T) {
	acc := t.fresh().register()
	for range perIP {
		t.login(newAccount().email, "wrong").want(http.StatusUnauthorized)
	}
	t.login(newAccount().email, "wrong").expect("the next account", http.StatusTooManyRequests).wantWindow(15 * time.Minute)
	t.login(acc.email, acc.password).expect("a right password from there", http.StatusTooManyRequests)
	t.fresh().login(acc.email, acc.password).expect("everybody else", http.StatusOK)
}

func throttleBotnet(t *T) {
	acc, s := t.member() // known from here
	for range perAccount / perAccountAndIP {
		t.fresh().wantGuesses("each address", acc.email, perAccountAndIP, perAccountAndIP)
	}
	stranger := t.fresh()
	stranger.login(acc.email, acc.password).expect("an address that never signed in", http.StatusTooManyRequests).wantWindow(24 * time.Hour)
	t.me(s.access).expect("a session meanwhile", http.StatusOK)
	t.refresh(s.refresh).expect("a refresh meanwhile", http.StatusOK)
	t.login(acc.email, acc.password).expect("the owner from a known address", http.StatusOK)
	t.wantGuesses("a known address", acc.email, perAccountAndIP+2, perAccountAndIP)
	t.endWindows("login", acc)
	stranger.login(acc.email, acc.password).expect("when the window is over", http.StatusOK)
}

// storm sends calls at once, every other one to the replica, and counts the answers.
func (t *T) storm(replica *T, calls []call) map[int]int {
	half := len(calls) / 2
	others := make(chan []*answer)
	go func() { others <- replica.together(calls[half:]) }()
	counts := map[int]int{}
	for _, a := range append(t.together(calls[:half]), <-others...) {
		if a.err != nil {
			t.Fatalf("one of %d at once got no answer: %v", len(calls), a.err)
		}
		counts[a.status]++
		a.wantRetryAfter()
	}
	return counts
}

func throttleBurst(t *T) {
	replica := t.boot(nil)
	acc := t.register()
	calls := make([]call, burst)
	for i := range calls {
		calls[i] = loginForm(acc.email, "wrong "+unique())
	}
	counts := t.storm(replica, calls)
	if counts[401] > perAccountAndIP || counts[401] == 0 || counts[401]+counts[429]+counts[503] != burst {
		t.Errorf("%d wrong passwords at once on two replicas: %v, want at most %d tried", burst, counts, perAccountAndIP)
	}
	t.login(acc.email, acc.password).expect("afterwards", http.StatusTooManyRequests)
	replica.login(acc.email, acc.password).expect("afterwards, on the other replica", http.StatusTooManyRequests)
}

func throttleSprayBurst(t *T) {
	replica := t.boot(nil)
	calls := make([]call, burst)
	for i := range calls {
		calls[i] = loginForm(newAccount().email, "wrong")
	}
	counts := t.storm(replica, calls)
	if counts[401] > perIP || counts[401] == 0 || counts[401]+counts[429]+counts[503] != burst {
		t.Errorf("%d accounts at once on two replicas: %v, want at most %d tried", burst, counts, perIP)
	}
}

func throttleBusy(t *T) {
	app := t.hashing()
	others := make([]account, 30)
	for i := range others {
		others[i] = app.register()
	}
	var calls []call
	for range 3 {
		for _, acc := range others {
			calls = append(calls, loginForm(acc.email, acc.password))
		}
	}
	counts := map[int]int{}
	for _, a := range app.together(calls) {
		counts[a.status]++
	}
	if counts[503] == 0 {
		t.skip("needs a queue for hashes that 90 logins fill")
	}
	for _, acc := range others {
		for _, row := range app.counters("login", acc) {
			if row[1] != "0" {
				t.Fatalf("after 200 and 503 alone (%v), %s attempts are still counted", counts, row[1])
			}
		}
	}
}

func throttleTokens(t *T) {
	_, s := t.member()
	for range perIP {
		t.refresh(s.id() + ".0." + strings.Repeat("A", 43)).want(http.StatusUnauthorized)
	}
	t.refresh(s.id()+".0."+strings.Repeat("A", 43)).expect("a bad token past the bound", http.StatusTooManyRequests).wantRetryAfter()
	t.refresh(s.refresh).expect("a good token from the same address", http.StatusOK)
	for range perIP {
		t.reset(strings.Repeat("A", 43), newPassword).want(http.StatusBadRequest)
	}
	t.reset(strings.Repeat("A", 43), newPassword).expect("a reset past the bound", http.StatusTooManyRequests).wantRetryAfter()
	for range perIP / 2 {
		t.send(verifyWith(strings.Repeat("A", 43)).as(s.access)).want(http.StatusBadRequest)
		t.send(verifyByPasswordWith(strings.Repeat("A", 43), newPassword)).want(http.StatusBadRequest)
	}
	t.send(verifyWith(strings.Repeat("A", 43)).as(s.access)).expect("a verification past the bound", http.StatusTooManyRequests).wantRetryAfter()
	for range perIP {
		t.send(forgot(newAccount().email)).want(http.StatusAccepted)
	}
	t.send(forgot(newAccount().email)).expect("a reset mail past the bound", http.StatusTooManyRequests).wantRetryAfter()
}

func throttleSpellings(t *T) {
	for what, name := range map[string]string{"a known": t.register().email, "an unknown": newAccount().email} {
		local, _, _ := strings.Cut(name, "@")
		spellings := []string{name, strings.ToUpper(name), local + "@\uff45xample.com", local + "@example\u3002com"}
		for i := range perAccountAndIP {
			t.login(spellings[i%len(spellings)], "wrong").expect(fmt.Sprint(what, " address, attempt ", i+1), http.StatusUnauthorized)
		}
		for _, spelling := range spellings {
			t.login(spelling, "wrong").expect(what+" address past the bound, as "+quoted(spelling), http.StatusTooManyRequests)
		}
	}
}

func throttleForgot(t *T) {
	acc, _ := t.member() // known from here
	for range perAccount / perAccountAndIP {
		from := t.fresh()
		for range perAccountAndIP {
			from.send(forgot(acc.email)).want(http.StatusAccepted)
		}
	}
	t.fresh().send(forgot(acc.email)).expect("a stranger past the bound", http.StatusTooManyRequests).wantRetryAfter()
	t.send(forgot(acc.email)).expect("the owner from a known address", http.StatusAccepted)
}
