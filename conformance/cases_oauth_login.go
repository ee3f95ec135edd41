package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthLoginCases = []Case{
	{
		Name: "oauth/login-goes-to-the-provider", Section: "oauth: GET /login[?next=/path], /login/{provider}",
		Type: feature.OAuth, ASVS: []string{"10.1.2", "10.2.1", "10.2.3", "11.5.1"}, RFC: []string{"RFC 6749 4.1.1", "RFC 7636 4.3"}, Run: oauthLogin,
	},
	{
		Name: "oauth/login-without-a-name-is-the-first-provider", Section: "oauth: 302 to the first, to that provider",
		Type: feature.OAuth, Run: oauthFirst,
	},
	{
		Name: "oauth/every-attempt-has-secrets-of-its-own", Section: "oauth: state, PKCE S256 verifier and, for OpenID, nonce: our own, 256 random bits each",
		Type: feature.OAuth, ASVS: []string{"10.1.2", "10.2.1", "11.5.1"}, RFC: []string{"RFC 9700 2.1.1", "RFC 6749 10.10"}, Run: oauthOwnSecrets,
	},
	{
		Name: "oauth/an-attempt-is-a-row-of-ten-minutes", Section: "oauth: rows taken by one DELETE…RETURNING, 10 min",
		Type: feature.OAuth, ASVS: []string{"10.1.2"}, Needs: []Need{NeedDB}, Run: oauthRow,
	},
	{
		Name: "oauth/other-providers-are-unknown", Section: "oauth: unknown 404",
		Type: feature.OAuth, ASVS: []string{"6.3.4"}, RFC: []string{"RFC 9110 15.5.5"}, Run: oauthUnknown,
	},
	{
		Name: "oauth/next-leads-into-the-app", Section: "oauth: next is a path of this app",
		Type: feature.OAuth, Run: oauthNextGood,
	},
	{
		Name: "oauth/next-leads-nowhere-else", Section: "oauth: no scheme, //, backslash or control character, also when encoded",
		Type: feature.OAuth, ASVS: []string{"3.7.2"}, RFC: []string{"RFC 6749 10.15", "RFC 9700 4.11.1"}, Run: oauthNextBad,
	},
	{
		Name: "oauth/a-forged-host-changes-no-address", Section: "Settings: AUTH_PUBLIC_URL",
		Type: feature.OAuth, ASVS: []string{"3.7.2"}, Run: oauthForgedHost,
	},
	{
		Name: "oauth/starts-are-counted-and-a-sign-in-gives-its-one-back", Section: "Throttle: Also on refresh, forgot, verify, reset, passkey, oauth start",
		Type: feature.OAuth, ASVS: []string{"6.3.1"}, RFC: []string{"RFC 6585 4"}, Needs: []Need{NeedDB}, Run: oauthThrottled,
	},
}

var scopes = map[string]string{
	"google": "openid email profile", "oidc": "openid email profile", "github": "read:user user:email", "discord": "identify email",
}

func oauthLogin(t *T) {
	for _, p := range t.providers() {
		b := t.browser()
		a := b.visit(loginPath(p))
		query := b.sent(p, a).address.Query()
		want := map[string]string{
			"response_type": "code", "client_id": p.ClientID, "code_challenge_method": "S256",
			"redirect_uri": publicURL + t.page(t.callbackPath(p)), "scope": scopes[p.Name],
		}
		for name, value := range want {
			if query.Get(name) != value || len(query[name]) != 1 {
				a.errorf("%s is asked with %s=%q, want %q", p.Name, name, query[name], value)
			}
		}
		secrets := []string{"state", "code_challenge"}
		if openID(p) {
			secrets = append(secrets, "nonce")
		}
		for _, name := range secrets {
			if len(query.Get(name)) != 43 || len(query[name]) != 1 {
				a.errorf("%s is asked with %s=%q, want 43 characters: 256 bits", p.Name, name, query[name])
			}
		}
		if len(query) != len(want)+len(secrets) {
			a.errorf("%s is asked with the parameters %v", p.Name, sortedKeys(query))
		}
		wantAttemptCookie(a, query.Get("state"))
	}
}

// wantAttemptCookie expects one cookie that binds the attempt to the browser.
func wantAttemptCookie(a *answer, state string) {
	cookies := a.cookies()
	if len(cookies) != 1 {
		a.fatalf("%d cookies are set, want that of the attempt", len(cookies))
	}
	if c := cookies[0]; c.Name != attemptPrefix+challengeID(state)[:12] || len(c.Value) != 43 || c.MaxAge != 600 || c.Secure {
		a.errorf("the cookie of the attempt is %s with %d characters for %d s", c.Name, len(c.Value), c.MaxAge)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		a.errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
	}
}

func oauthFirst(t *T) {
	b := t.browser()
	at := b.sent(t.first(), b.visit("/login"))
	b.comeBack(at.choose(person(t.first()))).want(http.StatusSeeOther)
	if have := b.user()["oauth_provider"]; have != t.first().Name {
		t.Errorf("oauth_provider is %v, want %s", have, t.first().Name)
	}
	// Both forms of the first provider's redirect address lead to it.
	other := t.browser()
	path := other.begin(t.first()).choose(person(t.first()))
	_, query, _ := strings.Cut(path, "?")
	other.comeBack("/callback/" + t.first().Name + "?" + query).want(http.StatusSeeOther)
}

func oauthOwnSecrets(t *T) {
	seen := map[string]bool{}
	for _, p := range t.providers() {
		b := t.browser()
		for range 3 {
			query := b.begin(p).address.Query()
			for _, name := range []string{"state", "code_challenge", "nonce"} {
				if value := query.Get(name); value != "" && seen[value] {
					t.Errorf("%s comes twice as %s", name, p.Name)
				} else {
					seen[value] = true
				}
			}
		}
		for _, name := range b.attempts() {
			if value := b.cookie(name); seen[value] {
				t.Errorf("the cookie of an attempt is a value that was used already")
			} else {
				seen[value] = true
			}
		}
		if n := len(b.attempts()); n != 3 {
			t.Errorf("three attempts have %d cookies", n)
		}
	}
}

// attemptData is what the row of an attempt holds.
type attemptData struct {
	Provider, Verifier, Nonce, Next, Session string
	RedirectURI                              string `json:"redirect_uri"`
}

// attemptRow reads it.
func (t *T) attemptRow(at flow) (data attemptData, columns []string) {
	row := t.row("SELECT data, purpose, user_id, browser_hash FROM auth_challenges WHERE id = ?", challengeID(at.state()))
	if err := json.Unmarshal([]byte(row[0]), &data); err != nil {
		t.Fatalf("the data of an attempt: %v", err)
	}
	return data, row[1:]
}

func oauthRow(t *T) {
	for _, p := range t.providers() {
		at := t.browser().begin(p, "next", "/here")
		data, columns := t.attemptRow(at)
		if columns[0] != "oauth" || columns[1] != "<null>" || columns[2] != sha256Text(at.browser.cookie(at.cookieName())) {
			t.Errorf("the row of an attempt says %q, want oauth, no user and the hash of the cookie", columns)
		}
		if data.Provider != p.Name || data.Next != "/here" || sha256Text(data.Verifier) != at.address.Query().Get("code_challenge") || data.Nonce != at.address.Query().Get("nonce") {
			t.Errorf("the row of an attempt at %s holds %+v", p.Name, data)
		}
		soon, late := t.target.Dialect.stamp(time.Now().Add(9*time.Minute)), t.target.Dialect.stamp(time.Now().Add(11*time.Minute))
		if rows := t.query("SELECT * FROM auth_challenges WHERE id = ? AND expires_at > ? AND expires_at < ?", challengeID(at.state()), soon, late); len(rows) != 1 {
			t.Errorf("an attempt does not end in ten minutes")
		} else if strings.Contains(strings.Join(rows[0], "\n"), at.state()) {
			t.Errorf("the state stands in the row of its attempt")
		}
	}
}

func oauthUnknown(t *T) {
	names := []string{"nobody", "Google", "GITHUB", "%67oogle%00", "google%20", "..", "%2e%2e", "%2f", "a/b", strings.Repeat("x.", 1500), "%ff", "%F0%9F%94%91", "'--"}
	for _, p := range feature.Providers {
		if !t.target.Set.HasProvider(p) {
			names = append(names, string(p))
		}
	}
	for _, name := range names {
		for _, path := range []string{"/login/", "/callback/"} {
			a := t.send(get(path+name)).expect(path+quoted(name), http.StatusNotFound)
			if len(a.cookies()) > 0 || a.header.Get("Location") != "" {
				a.errorf("%s%s sets a cookie or sends away", path, quoted(name))
			}
		}
	}
	if a := t.send(get("/login/nobody")); !a.says("Unknown provider") {
		a.errorf("an unknown provider is answered with %q", a.detail())
	}
}

func oauthNextGood(t *T) {
	p := t.first()
	for _, next := range []string{
		"/", "/dashboard", "/a/b?c=d&e=f#g", "/go?url=https://app.example//x", "/%C3%A9", "/a%20b", "/a+b", "/@user", "/x?next=%2Fy", "/;a=b", "/:80", "/a.b.c/..",
		"/" + strings.Repeat("x", 2047),
	} {
		b := t.browser()
		a := b.signIn(p, person(p), "next", next).expect("next="+quoted(next), http.StatusSeeOther)
		if have := a.header.Get("Location"); have != next {
			a.errorf("the browser is sent to %s, want %s", quoted(have), quoted(next))
		}
	}
	a := t.browser().signIn(p, person(p)).want(http.StatusSeeOther)
	if have := a.header.Get("Location"); !t.leadsHome(have) {
		a.errorf("without next the browser is sent to %q", have)
	}
}

// nextElsewhere are spellings that some browser, proxy or framework takes for another
// site, and those by which they hide.
var nextElsewhere = []string{
	"https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/%5cevil.example", "/%5Cevil.example",
	"/%2fevil.example", "/%2Fevil.example", "%2f%2fevil.example", "/%252fevil.example", "/%25252fevil.example", "/%255cevil.example", "/x//evil.example", "/x/%2fevil.example",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "evil.example", "@evil.example", ".evil.example", "https:evil.example", "http:/evil.example",
	"/\tevil", "/\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:%20a=b", "/%250d%250aX", "/\x00", "/%00", "/%09/evil.example", "/\x7f", "/%7f", "/%c2%85", " /evil", "\t//evil.example", "%20//evil.example",
	"/\u2028", "/é", "/a b", "/%zz", "/%", "/%f", "?x", "#x", "/" + strings.Repeat("x", 2048), "/%2525252525252525252f",
}

func oauthNextBad(t *T) {
	p := t.first()
	for _, next := range nextElsewhere {
		a := t.send(get(loginPath(p)+"?"+url.Values{"next": {next}}.Encode())).expect("next="+quoted(next), http.StatusBadRequest)
		if a.status == http.StatusBadRequest && !a.says("Invalid next") {
			a.errorf("next=%s is answered with %q", quoted(next), a.detail())
		}
		if len(a.cookies()) > 0 {
			a.errorf("next=%s sets a cookie", quoted(next))
		}
	}
	twice := t.send(get(loginPath(p) + "?next=/a&next=//evil.example"))
	if twice.status == http.StatusFound {
		b := t.browser()
		a := b.comeBack(b.sent(p, b.visit(loginPath(p)+"?next=/a&next=//evil.example")).choose(person(p))).want(http.StatusSeeOther)
		if strings.Contains(a.header.Get("Location"), "evil") {
			a.errorf("of two next the bad one is used")
		}
	} else {
		twice.expect("two next", http.StatusBadRequest)
	}
}

func oauthForgedHost(t *T) {
	for _, p := range t.providers() {
		for name, value := range map[string]string{
			"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "4444", "Forwarded": "host=evil.example;proto=http",
			"X-Original-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Original-URL": "/evil", "Host": "evil.example",
		} {
			b := t.browser()
			at := b.sent(p, b.send(get(loginPath(p)).with(name, value)))
			if have := at.address.Query().Get("redirect_uri"); have != publicURL+t.page(t.callbackPath(p)) {
				t.Errorf("with %s: %s the redirect address of %s is %q", name, value, p.Name, have)
			}
			a := b.send(get(at.choose(person(p))).with(name, value)).expect("the callback with "+name, http.StatusSeeOther)
			if have := a.header.Get("Location"); !t.leadsHome(have) {
				a.errorf("with %s: %s the browser is sent to %q", name, value, have)
			}
		}
	}
}

func oauthThrottled(t *T) {
	p := t.first()
	t.browserHere().enter(p, person(p))
	if n := t.countedFor("oauth"); n != "0" {
		t.Errorf("after a sign-in, %s starts are counted", n)
	}
	for i := range perIP {
		t.send(get(loginPath(p))).expect(fmt.Sprint("start ", i+1), http.StatusFound)
	}
	t.send(get(loginPath(p))).expect("the next start", http.StatusTooManyRequests).wantRetryAfter()
	t.fresh().send(get(loginPath(p))).expect("a start from elsewhere", http.StatusFound)
}

// identityRows are the rows of somebody's identities: provider, subject and e-mail.
func (t *T) identityRows(user int64) [][]string {
	return t.query("SELECT provider, subject, email FROM oauth_accounts WHERE user_id = ? ORDER BY id", user)
}

// storedProvider is what oauth_accounts calls a provider: an OpenID one by its issuer.
func storedProvider(p *standin.Provider) string {
	if p.Name == string(feature.OIDC) {
		return p.URL
	}
	return p.Name
}

// usersOf counts the accounts with an address.
func (t *T) usersOf(email string) string {
	return t.row("SELECT COUNT(*) FROM users WHERE email_key = ?", identityKey(email))[0]
}

// wantNothing expects that neither account nor session came out of a sign-in.
func (b *browser) wantNothing(what string, account standin.Account) {
	if b.cookie(sessionCookie) != "" {
		b.t.Errorf("%s: a session cookie is set", what)
	}
	if b.t.target.DB == nil {
		return
	}
	if n := b.t.usersOf(account.Email); account.Email != "" && n != "0" {
		b.t.Errorf("%s: %s accounts have the address", what, n)
	}
	if n := b.t.row("SELECT COUNT(*) FROM oauth_accounts WHERE subject = ?", account.Subject)[0]; n != "0" {
		b.t.Errorf("%s: %s identities are stored", what, n)
	}
}

// refused expects an error with exactly that text, and no session.
func (a *answer) refused(what string, status int, detail string) *answer {
	a.expect(what, status)
	if a.status == status && !a.says(detail) {
		a.errorf("%s: detail is %q, want %q", what, a.detail(), detail)
	}
	if slices.ContainsFunc(a.cookies(), func(c *http.Cookie) bool {
		return c.MaxAge >= 0 && c.Value != "" && !strings.HasPrefix(c.Name, attemptPrefix)
	}) {
		a.errorf("%s: a cookie is set", what)
	}
	return a
}
