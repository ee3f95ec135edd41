package conformance

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

// publicURL is AUTH_PUBLIC_URL of the app: providers send the browser there, and the
// simulated ones take it for the app.
const publicURL = "https://app.example"

// appRedirects are those of native apps that AUTH_APP_REDIRECTS lists.
var appRedirects = []string{"com.example.app:/callback", "http://127.0.0.1:7777/cb?from=app"}

// Provided is what an app must be told for the cases of its set that sign in with a
// provider or a passkey, on top of its other settings.
func Provided(set feature.Set, providers *standin.Providers) map[string]string {
	env := map[string]string{}
	if set.Has(feature.OAuth) {
		var names []string
		for _, p := range set.Providers() {
			names = append(names, string(p))
		}
		env = providers.Env(names...)
		env["AUTH_APP_REDIRECTS"] = strings.Join(appRedirects, ",")
		env["AUTH_PUBLIC_URL"] = publicURL
	}
	if set.Has(feature.Passkey) {
		env["PASSKEY_RP_ID"], env["PASSKEY_RP_NAME"] = relyingParty, relyingPartyName
		env["PASSKEY_ORIGIN"] = strings.Join(passkeyOrigins, ", ") + "/"
	}
	return env
}

// providers are the stand-ins of the set, its first one first.
func (t *T) providers() []*standin.Provider {
	var all []*standin.Provider
	for _, p := range t.target.Set.Providers() {
		all = append(all, t.target.Providers.Named(string(p)))
	}
	return all
}

func (t *T) first() *standin.Provider { return t.providers()[0] }

// openID is whether a provider answers with an id_token.
func openID(p *standin.Provider) bool {
	return p.Name == string(feature.Google) || p.Name == string(feature.OIDC)
}

// openIDs are the providers of the set that answer with one.
func (t *T) openIDs() []*standin.Provider {
	return slices.DeleteFunc(t.providers(), func(p *standin.Provider) bool { return !openID(p) })
}

// callbackPath is the route that a provider sends the browser back to.
func (t *T) callbackPath(p *standin.Provider) string {
	if p.Name == string(t.target.Set.Providers()[0]) {
		return "/callback"
	}
	return "/callback/" + p.Name
}

// person is somebody new with an account at a provider, whose address is verified.
func person(p *standin.Provider) standin.Account {
	name := unique()
	account := standin.Account{
		Email: name + "@example.com", Verified: true, Name: "Name of " + name, Username: name,
		Picture: "https://pictures.example/" + name + ".png",
	}
	if p.Name == string(feature.Discord) {
		account.Picture = "a1b2c3" + name
	}
	return p.Put(account)
}

// browser is somebody's browser: it keeps the app's cookies, and sends with each
// request what browsers say of themselves. It is safe for concurrent use.
type browser struct {
	t    *T
	lock sync.Mutex
	jar  map[string]string
}

// browser is somebody's with an address of its own.
func (t *T) browser() *browser { return t.fresh().browserHere() }

// browserHere has the address of the case.
func (t *T) browserHere() *browser { return &browser{t: t, jar: map[string]string{}} }

// on is the same browser with another process of the app.
func (b *browser) on(t *T) *browser {
	b.lock.Lock()
	defer b.lock.Unlock()
	return &browser{t: t, jar: maps.Clone(b.jar)}
}

// visit opens a page of the app, as by a click on a link of its own.
func (b *browser) visit(path string) *answer {
	return b.send(get(path).with("Sec-Fetch-Site", "same-origin").with("Sec-Fetch-Mode", "navigate").with("Sec-Fetch-Dest", "document"))
}

// send sends a request with the cookies, and keeps what comes.
func (b *browser) send(c call) *answer {
	a := b.try(c)
	if a.err != nil {
		b.t.Fatalf("%s %s got no answer: %v", c.method, c.path, a.err)
	}
	b.judge(a)
	return a
}

// try leaves the judgement to the caller.
func (b *browser) try(c call) *answer {
	if cookies := b.cookies(); cookies != "" {
		c = c.with("Cookie", cookies)
	}
	a := b.t.try(b.t.Context, c)
	b.keep(a)
	return a
}

// own is the call as a page of the app sends it.
func (c call) own() call { return c.with("Sec-Fetch-Site", "same-origin") }

func (b *browser) cookies() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	var pairs []string
	for _, name := range sortedKeys(b.jar) {
		pairs = append(pairs, name+"="+b.jar[name])
	}
	return strings.Join(pairs, "; ")
}

func (b *browser) keep(a *answer) {
	b.lock.Lock()
	defer b.lock.Unlock()
	for _, cookie := range a.cookies() {
		if cookie.MaxAge < 0 || cookie.Value == "" {
			delete(b.jar, cookie.Name)
		} else {
			b.jar[cookie.Name] = cookie.Value
		}
	}
}

// cookies are those that an answer sets or, with a MaxAge below zero, takes away.
func (a *answer) cookies() []*http.Cookie {
	return (&http.Response{Header: a.header}).Cookies()
}

// judge expects of every cookie what the contract says of all of them.
func (b *browser) judge(a *answer) {
	for _, cookie := range a.cookies() {
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
			a.errorf("the cookie %s lacks HttpOnly, SameSite=Lax or Path=/, or has a Domain", cookie.Name)
		}
		if strings.HasPrefix(cookie.Name, "__Host-") && !cookie.Secure {
			a.errorf("the cookie %s is not Secure", cookie.Name)
		}
	}
}

const (
	sessionCookie = "auth_session"
	attemptPrefix = "auth_attempt_"
)

func (b *browser) cookie(name string) string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.jar[name]
}

func (b *browser) setCookie(name, value string) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.jar[name] = value
}

// attempts are the names of the cookies of attempts under way.
func (b *browser) attempts() []string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return slices.DeleteFunc(sortedKeys(b.jar), func(name string) bool { return !strings.HasPrefix(name, attemptPrefix) })
}

// flow is a sign-in that has been sent to a provider.
type flow struct {
	browser  *browser
	provider *standin.Provider
	address  *url.URL // of the provider, with the app's question
}

// begin asks the app to sign in with a provider.
func (b *browser) begin(p *standin.Provider, query ...string) flow {
	return b.sent(p, b.visit(loginPath(p, query...)))
}

func loginPath(p *standin.Provider, query ...string) string {
	values := url.Values{}
	for pair := range slices.Chunk(query, 2) {
		values.Set(pair[0], pair[1])
	}
	path := "/login/" + p.Name
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return path
}

// sent reads where an answer sends the browser.
func (b *browser) sent(p *standin.Provider, a *answer) flow {
	a.want(http.StatusFound)
	address, err := url.Parse(a.header.Get("Location"))
	if err != nil || !strings.HasPrefix(address.String(), origin(p)+"/") {
		a.fatalf("the browser is sent to %q, not to %s", a.header.Get("Location"), p.Name)
	}
	return flow{b, p, address}
}

func origin(p *standin.Provider) string {
	u, _ := url.Parse(p.URL)
	return u.Scheme + "://" + u.Host
}

func (at flow) state() string { return at.address.Query().Get("state") }

// cookieName is that of the cookie which binds the attempt to its browser.
func (at flow) cookieName() string { return attemptPrefix + challengeID(at.state())[:12] }

// choose picks an account on the provider's page, and returns the path and query of
// the app that the provider sends the browser back to.
func (at flow) choose(account standin.Account) string {
	return at.press(url.Values{"account": {account.Subject}})
}

// cancel says no to the provider.
func (at flow) cancel() string { return at.press(url.Values{"cancel": {"1"}}) }

func (at flow) press(form url.Values) string {
	t := at.browser.t
	res, err := t.target.Providers.Client().PostForm(at.address.String(), form)
	if err != nil {
		t.Fatalf("the stand-in for %s: %v", at.provider.Name, err)
	}
	defer res.Body.Close()
	back, public := strings.CutPrefix(res.Header.Get("Location"), publicURL+"/")
	if res.StatusCode != http.StatusFound || !public {
		t.Fatalf("%s answers %d and sends the browser to %q", at.provider.Name, res.StatusCode, res.Header.Get("Location"))
	}
	return "//" + back
}

// comeBack opens what a provider sends the browser to. It comes from another site.
func (b *browser) comeBack(path string) *answer {
	return b.send(get(path).with("Sec-Fetch-Site", "cross-site").with("Sec-Fetch-Mode", "navigate").with("Sec-Fetch-Dest", "document"))
}

// visitor is somebody new with a session by cookie: from the first provider or, where
// there is none, through the page of passkeys.
func (t *T) visitor() (*browser, account) {
	b := t.browser()
	if t.target.Set.Has(feature.OAuth) {
		identity := person(t.first())
		return b.enter(t.first(), identity), account{email: identity.Email, identity: identity}
	}
	acc, s := b.t.pioneer()
	b.open(s)
	return b, acc
}

// revisit is a visitor in another browser.
func (t *T) revisit(acc account) *browser {
	b := t.browser()
	if t.target.Set.Has(feature.OAuth) {
		return b.enter(t.first(), acc.identity)
	}
	b.open(b.t.present(acc.passkey))
	return b
}

// openCall is the page's, which turns a session by tokens into one by cookie.
func openCall(s session) call { return post("/ui/session", nil).as(s.access).own() }

func (b *browser) open(s session) *answer { return b.send(openCall(s)).want(http.StatusNoContent) }

// entrances sign somebody new in by cookie in each way that the set has, and answer with
// what sets it.
func (t *T) entrances() []func(*browser) *answer {
	var all []func(*browser) *answer
	for _, p := range t.providers() {
		all = append(all, func(b *browser) *answer { return b.signIn(p, person(p)).want(http.StatusSeeOther) })
	}
	if t.target.Set.UI() {
		all = append(all, func(b *browser) *answer {
			_, s := b.t.pioneer()
			return b.open(s)
		})
	}
	return all
}

// signIn goes the whole way, and returns the callback's answer.
func (b *browser) signIn(p *standin.Provider, account standin.Account, query ...string) *answer {
	return b.comeBack(b.begin(p, query...).choose(account))
}

// enter is signIn that must succeed.
func (b *browser) enter(p *standin.Provider, account standin.Account) *browser {
	b.signIn(p, account).want(http.StatusSeeOther)
	return b
}

func (b *browser) me() *answer { return b.visit("/me") }

// user is who the browser is signed in as.
func (b *browser) user() map[string]any { return b.me().want(http.StatusOK).object() }

// userID is the id of that user.
func (b *browser) userID() int64 { return number(b.user()["id"]) }

// outside expects that the browser is signed in as nobody.
func (b *browser) outside(what string) {
	b.me().expect("/me after "+what, http.StatusUnauthorized)
}

// session is the id of the browser's session.
func (b *browser) session() string {
	for _, one := range b.t.sessionList(b.visit("/sessions")) {
		if one["current"] == true {
			id, _ := one["id"].(string)
			return id
		}
	}
	b.t.Fatalf("none of the browser's sessions is the current one")
	return ""
}

// changeQuery replaces parameters of a path; "" takes one away.
func changeQuery(path string, pairs ...string) string {
	head, raw, _ := strings.Cut(path, "?")
	query, _ := url.ParseQuery(raw)
	for pair := range slices.Chunk(pairs, 2) {
		query.Set(pair[0], pair[1])
		if pair[1] == "" {
			query.Del(pair[0])
		}
	}
	return head + "?" + query.Encode()
}

func queryOf(path string) url.Values {
	_, raw, _ := strings.Cut(path, "?")
	query, _ := url.ParseQuery(raw)
	return query
}

func number(value any) int64 {
	text, _ := value.(interface{ String() string })
	if text == nil {
		return 0
	}
	n, _ := strconv.ParseInt(text.String(), 10, 64)
	return n
}
