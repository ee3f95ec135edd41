// fastman: file oauth
package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"
)

// tiny is a provider with a protocol of its own: it says who somebody is beside the
// token.
type tiny struct {
	*httptest.Server
	mu     sync.Mutex
	grants map[string]grantedByTiny // by code
	broken http.HandlerFunc         // answers in place of the token endpoint
}

type grantedByTiny struct {
	who       profile
	challenge string
	redirect  string
}

func newTiny(t *testing.T) *tiny {
	p := &tiny{grants: map[string]grantedByTiny{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *tiny) server(context.Context) (server, error) {
	return server{Endpoint: oauth2.Endpoint{AuthURL: p.URL + "/authorize", TokenURL: p.URL + "/token", AuthStyle: oauth2.AuthStyleInHeader}}, nil
}

func (p *tiny) profile(_ context.Context, token *oauth2.Token, _ authorization) (profile, error) {
	text := func(name string) string {
		value, _ := token.Extra(name).(string)
		return value
	}
	return profile{subject: text("sub"), email: text("email"), name: text("name"), authoritative: strings.HasSuffix(text("email"), "@tiny.example")}, nil
}

// serve is the token endpoint. A code is good once, and for its verifier alone.
func (p *tiny) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		p.broken(w, r)
		return
	}
	given, known := p.grants[r.FormValue("code")]
	delete(p.grants, r.FormValue("code"))
	_, secret, _ := r.BasicAuth()
	if !known || secret != "tiny-secret" || r.FormValue("redirect_uri") != given.redirect ||
		oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != given.challenge {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "tiny's token", "token_type": "Bearer",
		"sub": given.who.subject, "email": given.who.email, "name": given.who.name})
}

// breakWith lets the token endpoint answer with something else from now on.
func (p *tiny) breakWith(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = answer
}

// approve is what the provider does when somebody says yes: it returns the path that
// the browser is sent back to.
func (p *tiny) approve(t *testing.T, location string, who profile) string {
	t.Helper()
	asked, err := url.Parse(location)
	if err != nil || asked.Query().Get("code_challenge_method") != "S256" {
		t.Fatalf("%s (%v)", location, err)
	}
	redirect, err := url.Parse(asked.Query().Get("redirect_uri"))
	if err != nil {
		t.Fatal(err)
	}
	code := randomText(16)
	p.mu.Lock()
	p.grants[code] = grantedByTiny{who, asked.Query().Get("code_challenge"), redirect.String()}
	p.mu.Unlock()
	return redirect.Path + "?" + url.Values{"code": {code}, "state": asked.Query()["state"]}.Encode()
}

// browser is somebody with cookies.
type browser struct {
	*app
	provider *tiny
	cookies  map[string]string
}

func newBrowser(t *testing.T, change ...func(*Config)) *browser {
	t.Helper()
	b := &browser{newApp(t, change...), newTiny(t), map[string]string{}}
	for name, key := range map[string]string{"tiny": "tiny", "other": "https://other.example"} {
		b.auth.services[name] = &service{
			name: name, title: strings.ToUpper(name[:1]) + name[1:], key: key,
			clientRegistration: clientRegistration{clientID: "us", secret: "tiny-secret", speak: b.provider},
		}
	}
	return b
}

// another is somebody else at the same app.
func (b *browser) another() *browser { return &browser{b.app, b.provider, map[string]string{}} }

// do sends a request with all cookies, and with headers as "Name: value".
func (b *browser) do(method, path string, headers ...string) answered {
	b.Helper()
	return b.visit(b.auth, method, path, headers...)
}

func (b *browser) visit(handler http.Handler, method, path string, headers ...string) answered {
	b.Helper()
	r := httptest.NewRequest(method, path, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if b.cookies[cookie.Name] = cookie.Value; cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		}
	}
	return answered{b.T, w, method + " " + path}
}

// leave goes to the provider, and returns the path that leads back for somebody.
func (b *browser) leave(path string, who profile) string {
	b.Helper()
	return b.provider.approve(b.T, b.do("GET", path).want(302).Header().Get("Location"), who)
}

func (b *browser) enter(provider string, who profile) answered {
	b.Helper()
	return b.do("GET", b.leave("/auth/login/"+provider, who))
}

func (b *browser) signIn(who profile) answered {
	b.Helper()
	return b.enter("tiny", who)
}

func (b *browser) me() publicUser {
	b.Helper()
	return decode[publicUser](b.do("GET", "/auth/me").want(200))
}

const sameOrigin = "Sec-Fetch-Site: same-origin"

var (
	ann = profile{subject: "1", email: "ann@tiny.example", name: "Ann"}
	bob = profile{subject: "2", email: "bob@example.com"}
)

// Somebody signs in with a provider, is known again, and signs out.
func TestSignInWithProvider(t *testing.T) {
	b := newBrowser(t)
	if to := b.signIn(ann).want(303).Header().Get("Location"); to != "/auth/me" {
		t.Errorf("the sign-in leads to %s", to)
	}
	me := b.me()
	if me.Email != ann.email || *me.Name != "Ann" || !me.IsVerified || *me.OAuthProvider != "tiny" {
		t.Errorf("the user is %+v", me)
	}
	first := b.cookies[sessionCookie]
	b.do("GET", b.leave("/auth/login/tiny?next=/orders%3Fpage=2", ann)).want(303)
	if b.me().ID != me.ID || b.cookies[sessionCookie] == first {
		t.Error("another user, or the session of before")
	}
	kept := b.cookies[sessionCookie]
	b.do("POST", "/auth/logout", sameOrigin).want(204)
	for _, ended := range []string{first, kept} {
		b.cookies[sessionCookie] = ended
		b.do("GET", "/auth/me").want(401)
	}
}

// A state is good once, for a short time, and in the browser that it was made for.
func TestState(t *testing.T) {
	b := newBrowser(t)
	back := b.leave("/auth/login/tiny", ann)
	b.another().do("GET", back).want(400)
	b.do("GET", strings.Replace(back, "state=", "state=x", 1)).want(400)
	b.do("GET", "/auth/callback/tiny?code=x").want(400)
	b.do("GET", back+"&state=x").want(400)
	kept := b.cookies
	b.do("GET", back).want(303)
	b.cookies = kept
	b.do("GET", back).want(400)
	late := b.leave("/auth/login/tiny", ann)
	b.exec("UPDATE auth_challenges SET expires_at = '2020-01-01 00:00:00.000000'")
	b.do("GET", late).want(400)
}

// Two tabs sign in side by side.
func TestTwoTabs(t *testing.T) {
	b := newBrowser(t)
	one, other := b.leave("/auth/login/tiny", ann), b.leave("/auth/login/tiny", ann)
	b.do("GET", one).want(303)
	b.do("GET", other).want(303)
}

// A code from somebody else's sign-in is not accepted: it lacks their verifier.
func TestInjectedCode(t *testing.T) {
	b := newBrowser(t)
	theirs, err := url.Parse(b.another().leave("/auth/login/tiny", ann))
	if err != nil {
		t.Fatal(err)
	}
	mine, err := url.Parse(b.leave("/auth/login/tiny", bob))
	if err != nil {
		t.Fatal(err)
	}
	query := mine.Query()
	query.Set("code", theirs.Query().Get("code"))
	b.do("GET", mine.Path+"?"+query.Encode()).want(502)
}

// Whoever says no is told so, and a provider that does is not quoted.
func TestRefusal(t *testing.T) {
	b := newBrowser(t)
	for answer, want := range map[string]int{"error=access_denied": 403, "error=%3Cb%3E": 502, "": 400, "code=x&code=y": 400} {
		path, query, _ := strings.Cut(b.leave("/auth/login/tiny", ann), "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if told := b.do("GET", path+"?state="+values.Get("state")+"&"+answer).want(want); strings.Contains(told.Body.String(), "b>") {
			t.Errorf("the answer is %s", told.Body)
		}
	}
}

// However the provider fails, nobody is signed in, and it is not asked further.
func TestProviderFails(t *testing.T) {
	b := newBrowser(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect is followed") }))
	defer elsewhere.Close()
	for name, broken := range map[string]http.HandlerFunc{
		"500":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"HTML":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no token":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"no subject": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"access_token":"x"}`)) },
		"too much":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2*callsMaxBytes)) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"hanging up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"bad subject": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"x","sub":"\u0000"}`))
		},
	} {
		b.provider.breakWith(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			broken(w, r)
		})
		if answer := b.signIn(ann); answer.Code != 502 {
			t.Errorf("%s: %d", name, answer.Code)
		}
	}
	if !strings.Contains(b.log.String(), "auth.oauth.failed") || b.cookies[sessionCookie] != "" {
		t.Error("the log says nothing, or there is a session")
	}
}

// As many sign-ins as can wait for providers do; the next one is told to come again.
func TestProvidersAreAskedInTurn(t *testing.T) {
	b := newBrowser(t)
	places := b.auth.calls.places
	for range callsMax {
		places <- struct{}{}
	}
	back := b.leave("/auth/login/tiny", ann)
	if wait := b.do("GET", back).want(503).Header().Get("Retry-After"); wait == "" {
		t.Error("nobody says when to come back")
	}
	<-places
	b.do("GET", back).want(303)
	if taken := len(places); taken != callsMax-1 {
		t.Errorf("%d places are taken", taken)
	}
}

// A sign-in leads to a page of this app, and nowhere else.
func TestNext(t *testing.T) {
	for _, path := range []string{"/", "/orders?page=2#top", "/caf%C3%A9", "/a/..", "/go?to=https://example.com/", "/a:b"} {
		if !isOwnPath(path) {
			t.Errorf("%s is refused", path)
		}
	}
	for _, path := range []string{
		"https://evil.example", "//evil.example", "/\\evil.example", "\\evil.example", "/%2Fevil.example", "/%5Cevil.example", "/%252Fevil.example",
		"/%2525252Fevil", "javascript:alert(1)", "evil", " /x", "/\t/evil.example", "/%09/evil.example", "/x\r\nSet-Cookie: a=b", "/%0d%0a", "/\u0085", "/caf\u00e9", "/a b", "/%zz",
		"/.//evil.example", "/" + strings.Repeat("x", nextMaxBytes),
	} {
		if isOwnPath(path) {
			t.Errorf("%s is followed", path)
		}
	}
	b := newBrowser(t)
	b.do("GET", "/auth/login/tiny?next=//evil.example").want(400)
	if to := b.do("GET", b.leave("/auth/login/tiny?next=/orders", ann)).want(303).Header().Get("Location"); to != "/orders" {
		t.Errorf("the sign-in leads to %s", to)
	}
}

// A provider that nobody has heard of, and one that this app is not registered with.
func TestUnusableProviders(t *testing.T) {
	b := newBrowser(t, func(c *Config) {
		c.OAuthClients = map[string]OAuthClient{providers[0].name: {ID: "your-client-id", Secret: "your-client-secret"}}
	})
	b.do("GET", "/auth/login/nobody").want(404)
	b.do("GET", "/auth/login/"+providers[0].name).want(503)
	if !strings.Contains(b.log.String(), "CLIENT_ID is not set") {
		t.Error("the log does not name the variable")
	}
}

// A native app gets tokens for its code, once, and with its verifier alone.
func TestNativeApp(t *testing.T) {
	const address = "com.example.app:/signed-in"
	b := newBrowser(t, func(c *Config) { c.AppRedirects = []string{address} })
	verifier := oauth2.GenerateVerifier()
	begin := "/auth/login/tiny?app_state=mine&code_challenge=" + oauth2.S256ChallengeFromVerifier(verifier) + "&app_redirect="
	b.do("GET", begin+"com.evil.app:/signed-in").want(400)
	b.do("GET", "/auth/login/tiny?app_redirect="+address).want(400)
	code := func() string {
		to, err := url.Parse(b.do("GET", b.leave(begin+address, ann)).want(303).Header().Get("Location"))
		if err != nil || to.Scheme != "com.example.app" || to.Query().Get("state") != "mine" || b.cookies[sessionCookie] != "" {
			t.Fatalf("%s (%v)", to, err)
		}
		return to.Query().Get("code")
	}
	burnt, good := code(), code()
	exchange := func(code, verifier string) answered {
		return b.send("POST", "/token", "", object{"code": code, "code_verifier": verifier})
	}
	exchange(burnt, oauth2.GenerateVerifier()).want(400)
	exchange(burnt, verifier).want(400)
	token := decode[Token](exchange(good, verifier).want(200))
	exchange(good, verifier).want(400)
	if me := decode[publicUser](b.send("GET", "/me", token.AccessToken, nil).want(200)); me.Email != ann.email {
		t.Errorf("the tokens are for %s", me.Email)
	}
	b.send("POST", "/refresh", "", object{"refresh_token": token.RefreshToken}).want(200)
}

// What a page of another site sends by the cookie of its reader is refused, here and
// behind the guards.
func TestCrossSite(t *testing.T) {
	b := newBrowser(t, func(c *Config) { c.TrustedOrigins = []string{"https://www.example.org"} })
	b.signIn(ann).want(303)
	guarded := b.auth.Middleware(RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(UserFrom(r.Context()).Email))
	})))
	for _, headers := range [][]string{nil, {"Origin: https://evil.example"}, {"Origin: null"}, {"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site", "Origin: https://evil.example.com"}} {
		b.do("DELETE", "/auth/sessions", headers...).want(403)
		b.visit(guarded, "POST", "/orders", headers...).want(403)
	}
	for _, headers := range [][]string{{sameOrigin}, {"Origin: http://example.com"}, {"Sec-Fetch-Site: cross-site", "Origin: https://www.example.org"}} {
		b.do("DELETE", "/auth/sessions", headers...).want(204)
		b.visit(guarded, "POST", "/orders", headers...).want(200)
	}
	b.visit(guarded, "GET", "/orders", "Sec-Fetch-Site: cross-site").want(200)
	b.visit(guarded, "GET", "/orders", "Authorization: Bearer x").want(401)
	b.visit(b.auth.Middleware(RequireClaims(guarded)), "GET", "/orders").want(401)
}

// A link signs out; a picture, a frame and what nobody has clicked yet only ask.
func TestLogoutByLink(t *testing.T) {
	b := newBrowser(t)
	b.signIn(ann).want(303)
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Purpose: prefetch", "Purpose: prefetch"} {
		if page := b.do("GET", "/auth/logout", header).want(200).Body.String(); !strings.Contains(page, "<button>") {
			t.Errorf("%s: %s", header, page)
		}
	}
	b.do("HEAD", "/auth/logout").want(405)
	b.me()
	b.do("GET", "/auth/logout", "Sec-Fetch-Mode: navigate", sameOrigin).want(303)
	b.do("GET", "/auth/me").want(401)
	b.do("GET", "/auth/logout").want(303)
	b.do("POST", "/auth/logout", "Accept: text/html", sameOrigin).want(303)
}

// The id of a session opens nothing, and a session that is used does not become idle.
func TestCookieOfSession(t *testing.T) {
	b := newBrowser(t)
	b.signIn(ann).want(303)
	list := decode[[]publicSession](b.do("GET", "/auth/sessions").want(200))
	if len(list) != 1 || !list[0].Current || list[0].Method != "tiny" {
		t.Fatalf("sessions: %+v", list)
	}
	thief := b.another()
	thief.cookies[sessionCookie] = list[0].ID
	thief.do("GET", "/auth/me").want(401)

	b.exec("UPDATE auth_sessions SET last_seen_at = '2020-01-01 00:00:00.000000'")
	b.me()
	b.auth.jobs.close(closePatience)
	if now := decode[[]publicSession](b.do("GET", "/auth/sessions"))[0]; now.LastSeenAt.Year() == 2020 {
		t.Error("the use is not written down")
	}
}

// In production cookies are for https, and for this host alone.
func TestCookiesInProduction(t *testing.T) {
	b := newBrowser(t, func(c *Config) {
		c.Environment, c.PublicURL = "production", "https://app.example.com"
		// fastman: if jwt
		c.BcryptRounds = 10
		// fastman: end
	})
	for _, cookie := range b.do("GET", "/auth/login/tiny").want(302).Result().Cookies() {
		if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
			t.Errorf("%s", cookie)
		}
	}
	b.signIn(ann).want(303)
	if b.me().Email != ann.email || b.cookies["__Host-"+sessionCookie] == "" {
		t.Error("the session has another cookie")
	}
}
