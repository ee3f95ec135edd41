package conformance

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var cookieCases = []Case{
	{
		Name: "cookie/has-the-flags-of-the-contract", Section: "Cookie session: HttpOnly, SameSite=Lax, in production Secure and __Host-",
		ASVS: []string{"3.3.2", "3.3.4", "7.2.3"}, RFC: []string{"RFC 6265 4.1.2.6"}, Needs: []Need{NeedCookies}, Run: cookieFlags,
	},
	{
		Name: "cookie/in-production-is-secure-and-of-this-host", Section: "Cookie session: HttpOnly, SameSite=Lax, in production Secure and __Host-",
		ASVS: []string{"3.3.1", "3.3.3"}, RFC: []string{"RFC 6265 4.1.2.5"}, Needs: []Need{NeedBoot, NeedCookies}, Run: cookieProduction,
	},
	{
		Name: "cookie/only-its-hash-is-stored", Section: "Cookie session: stored as SHA-256 only",
		ASVS: []string{"7.2.3"}, Needs: []Need{NeedDB, NeedCookies}, Run: cookieStored,
	},
	{
		Name: "cookie/nothing-else-is-a-credential", Section: "Cookie session: a session id is never a credential",
		ASVS: []string{"7.2.1", "14.2.1"}, Needs: []Need{NeedDB, NeedCookies}, Run: cookieForged,
	},
	{
		Name: "cookie/is-set-by-a-sign-in-only", Section: "Cookie session: New at every sign-in",
		ASVS: []string{"7.6.2"}, Needs: []Need{NeedCookies}, Run: cookieOnlyThere,
	},
	{
		Name: "cookie/an-authorization-header-wins", Section: "Access token: An Authorization header wins over a cookie",
		ASVS: []string{"7.2.1"}, Needs: []Need{NeedCookies}, Run: cookieLoses,
	},
	{
		Name: "cookie/serves-what-a-token-serves", Section: "Cookie session: Cookie session",
		ASVS: []string{"6.5.6", "7.5.2"}, Needs: []Need{NeedCookies}, Run: cookieServes,
	},
	{
		Name: "cookie/an-idle-session-is-over-and-use-keeps-it", Section: "Settings: REFRESH_TOKEN_EXPIRE_DAYS=30 (idle)",
		ASVS: []string{"7.3.1"}, Needs: []Need{NeedDB, NeedCookies}, Run: cookieIdle,
	},
	{
		Name: "cookie/use-does-not-pass-the-absolute-end", Section: "Settings: SESSION_MAX_DAYS=90 (absolute)",
		ASVS: []string{"7.3.2"}, Needs: []Need{NeedDB, NeedCookies}, Run: cookieAbsolute,
	},
	{
		Name: "cookie/ends-on-every-replica-at-once", Section: "Sessions: POST /logout",
		ASVS: []string{"7.4.1"}, Needs: []Need{NeedBoot, NeedCookies}, Run: cookieReplicas,
	},
	{
		Name: "cookie/hostile-cookies-are-401", Section: "Cookie session: 256 random bits",
		ASVS: []string{"7.2.1", "16.5.3"}, Needs: []Need{NeedCookies}, Run: cookieHostile,
	},
	{
		Name: "cookie/use-makes-no-login-recent", Section: "Files: require_recent_login (10 min; 403 reauth_required)",
		ASVS: []string{"7.5.1"}, Needs: []Need{NeedDB, NeedCookies}, Run: cookieIsNoLogin,
	},
}

func cookieFlags(t *T) {
	for _, enter := range t.entrances() {
		a := enter(t.browser())
		found := 0
		for _, cookie := range a.cookies() {
			if cookie.Name != sessionCookie {
				continue
			}
			found++
			if len(cookie.Value) != 43 || cookie.MaxAge != 90*24*60*60 || cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
				a.errorf("the session cookie is %d characters for %d s, flags %s", len(cookie.Value), cookie.MaxAge, strings.SplitN(cookie.Raw, ";", 2)[1])
			}
		}
		if found != 1 {
			a.errorf("the session cookie is set %d times", found)
		}
	}
}

// production is the app as it runs in production, with stand-ins that speak TLS.
func (t *T) production() *T {
	if !t.target.Set.Has(feature.OAuth) {
		return t.boot(t.inProduction())
	}
	own, err := standin.Start(t, standin.Options{TLS: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(own.Close)
	t.target.allowCallbacks(own)
	dir, err := os.MkdirTemp("", "fastman-trust-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(func() { _ = os.RemoveAll(dir) })
	trust := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(trust, own.CertPEM, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	env := t.inProduction("SSL_CERT_FILE", trust)
	maps.Copy(env, Provided(t.target.Set, own))
	app := t.boot(env)
	app.target.Providers = own
	return app
}

func cookieProduction(t *T) {
	app := t.production()
	for _, p := range app.providers() {
		a := app.browser().visit(loginPath(p)).want(http.StatusFound)
		for _, cookie := range a.cookies() {
			if !strings.HasPrefix(cookie.Name, "__Host-"+attemptPrefix) || !cookie.Secure {
				a.errorf("in production the cookie of an attempt is %s, Secure: %v", cookie.Name, cookie.Secure)
			}
		}
	}
	for _, enter := range app.entrances() {
		b := app.browser()
		a := enter(b)
		set := a.cookies()
		if !slices.ContainsFunc(set, func(c *http.Cookie) bool { return c.Name == "__Host-"+sessionCookie && c.Secure && c.MaxAge > 0 }) {
			a.errorf("in production the sign-in sets no Secure cookie __Host-%s", sessionCookie)
		}
		b.me().expect("/me with it", http.StatusOK)
		renamed := app.browser()
		renamed.setCookie(sessionCookie, b.cookie("__Host-"+sessionCookie))
		renamed.outside("its value came under the name that any subdomain can set")
		b.send(post("/logout", nil).own()).done("logout in production")
		if b.cookie("__Host-"+sessionCookie) != "" {
			t.Errorf("logout leaves the cookie")
		}
	}
}

func cookieStored(t *T) {
	if t.target.Set.Has(feature.OAuth) {
		b := t.browser()
		t.wantNowhere("the cookie of an attempt", b.cookie(b.begin(t.first()).cookieName()))
	}
	b, _ := t.visitor()
	value := b.cookie(sessionCookie)
	t.wantNowhere("the session cookie", value)
	if have := t.row("SELECT cookie_hash FROM auth_sessions WHERE id = ?", b.session())[0]; have != sha256Text(value) {
		t.Errorf("cookie_hash is %q, want base64url of the SHA-256", have)
	}
}

// tables are all that the module writes to.
func (t *T) tables() []string {
	all := []string{"users", "auth_sessions", "auth_tokens", "auth_throttle", "auth_challenges"}
	if t.target.Set.Has(feature.OAuth) {
		all = append(all, "oauth_accounts")
	}
	if t.target.Set.Has(feature.Passkey) {
		all = append(all, "passkey_credentials")
	}
	return all
}

// wantNowhere expects that no row holds a text.
func (t *T) wantNowhere(what, text string) {
	for _, table := range t.tables() {
		for _, row := range t.query("SELECT * FROM " + table) {
			if strings.Contains(strings.Join(row, "\n"), text) {
				t.Errorf("%s stands in %s", what, table)
			}
		}
	}
}

func cookieForged(t *T) {
	b, _ := t.visitor()
	id, value := b.session(), b.cookie(sessionCookie)
	row := t.row("SELECT cookie_hash, salt FROM auth_sessions WHERE id = ?", id)
	_, native := t.member()
	for what, forged := range map[string]string{
		"the session's id": id, "the hash of the cookie": row[0], "the session's salt": row[1], "an access token": native.access, "a refresh token": native.refresh,
		"nothing": "", "half the cookie": value[:21], "the cookie and more": value + "A", "the cookie in small letters": strings.ToLower(value), "the cookie, padded": value + "=",
		"another random value": newVerifier()[:43], "the id of a session without a cookie": native.id(), "NULL": "null", "the user's id": "1",
	} {
		forger := t.browser()
		t.challenged(what+" as a cookie", forger.send(get("/me").with("Cookie", sessionCookie+"="+forged)))
	}
	t.challenged("the cookie as a token", t.me(value))
	t.challenged("the cookie as a refresh token", t.refresh(value))
	t.challenged("the cookie under another name", t.send(get("/me").with("Cookie", "session="+value)))
	t.challenged("the cookie in the query", t.send(get("/me?"+sessionCookie+"="+value)))
	b.me().expect("the cookie itself", http.StatusOK)
}

func cookieOnlyThere(t *T) {
	b, _ := t.visitor()
	for _, c := range []call{get("/me"), get("/sessions"), get("//health"), get("//nowhere"), deleteSessions().own(), post("/verify/request", nil).own(), get("/nowhere")} {
		if a := b.send(c); len(a.cookies()) > 0 {
			a.errorf("%s %s sets a cookie", c.method, c.path)
		}
	}
	if a := t.send(get("/me")); len(a.cookies()) > 0 {
		a.errorf("a 401 sets a cookie")
	}
}

func cookieLoses(t *T) {
	b, _ := t.visitor()
	acc, s := t.member()
	if have := b.send(me(s.access)).want(http.StatusOK).object()["email"]; have != acc.email {
		t.Errorf("beside a cookie, a token is not what counts")
	}
	for _, value := range []string{"Bearer garbage", "Bearer " + s.access + "x", "Bearer", "Basic dXNlcjpwYXNz", "Bearer " + s.refresh} {
		t.challenged("a cookie beside Authorization: "+masked(value), b.send(get("/me").with("Authorization", value)))
	}
	b.send(post("/logout", nil).as(s.access)).done("logout by token beside a cookie")
	b.me().expect("the cookie's session afterwards", http.StatusOK)
	t.dead("the token's session", s)
}

func cookieServes(t *T) {
	b, acc := t.visitor()
	other, third := t.revisit(acc), t.revisit(acc)
	list := t.sessionList(b.visit("/sessions"))
	if len(list) != 3 {
		t.Fatalf("three sign-ins are %d sessions", len(list))
	}
	b.send(deleteSession(other.session()).own()).done("the end of another session, by cookie")
	other.outside("its session was ended")
	b.send(deleteSessions().own()).done("the end of all others, by cookie")
	third.outside("all others were ended")
	b.send(post("/verify/request", nil).own()).expect("/verify/request by cookie", http.StatusAccepted)
	own := b.session()
	b.send(deleteSession(own).own()).done("the end of the own session, by cookie")
	b.outside("its own session was ended")
	_, stranger := t.member()
	again := t.revisit(acc)
	again.send(deleteSession(stranger.id()).own()).expect("the end of a stranger's session", http.StatusNotFound)
	t.alive("the stranger's session", stranger)
}

// moveSession sets a time of a browser's session to so long ago.
func (t *T) moveSession(id, column string, ago time.Duration) {
	t.exec("UPDATE auth_sessions SET "+column+" = ? WHERE id = ?", t.target.Dialect.stamp(time.Now().Add(-ago)), id)
}

func cookieIdle(t *T) {
	b, _ := t.visitor()
	id := b.session()
	month, soon := 30*24*time.Hour, t.target.Dialect.stamp(time.Now().Add(29*24*time.Hour))
	if rows := t.query("SELECT 1 FROM auth_sessions WHERE id = ? AND expires_at > ?", id, soon); len(rows) != 1 {
		t.Errorf("a session by cookie does not begin with the idle time of 30 days")
	}
	// As if it had been used last ten days ago.
	t.moveSession(id, "last_seen_at", 10*24*time.Hour)
	t.moveSession(id, "expires_at", 10*24*time.Hour-month)
	b.me().want(http.StatusOK)
	moved := func() bool {
		return len(t.query("SELECT 1 FROM auth_sessions WHERE id = ? AND expires_at > ?", id, soon)) == 1
	}
	if !within(10*time.Second, moved) {
		t.Errorf("the use of a session by cookie does not move its idle end")
	}
	if list := t.sessionList(b.visit("/sessions")); time.Since(seenAt(list[0])).Abs() > time.Minute {
		t.Errorf("after its use the session was last seen %v ago", time.Since(seenAt(list[0])))
	}
	t.moveSession(id, "expires_at", time.Second)
	b.outside("its idle end")
}

func seenAt(session map[string]any) time.Time {
	text, _ := session["last_seen_at"].(string)
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at
}

func cookieAbsolute(t *T) {
	b, _ := t.visitor()
	id := b.session()
	t.moveSession(id, "created_at", 90*24*time.Hour-time.Hour)
	b.me().expect("a session of almost ninety days", http.StatusOK)
	t.moveSession(id, "created_at", 90*24*time.Hour+time.Minute)
	b.outside("its absolute end")
	b.send(post("/verify/request", nil).own()).expect("anything else after it", http.StatusUnauthorized)
}

func cookieReplicas(t *T) {
	replica := t.boot(nil)
	b, _ := t.visitor()
	there := b.on(replica)
	there.me().expect("a session on the other replica", http.StatusOK)
	there.send(post("/logout", nil).own()).done("logout there")
	b.outside("a logout on the other replica")
}

func cookieHostile(t *T) {
	for _, value := range []string{
		"", "x", "=", "\"quoted\"", "a b", "%00", strings.Repeat("x", 6000), "é", "';--", ";;;;", "a,b", newVerifier()[:43] + "; " + sessionCookie + "=x", "\t", "[]", "{}",
	} {
		t.challenged("the cookie "+quoted(value), t.send(get("/me").with("Cookie", sessionCookie+"="+value)))
		if t.target.Set.Has(feature.OAuth) {
			a := t.send(get("/callback?state=x&code=x").with("Cookie", attemptPrefix+"x="+value))
			a.expect("a callback with the cookie "+quoted(value), http.StatusBadRequest)
		}
	}
	t.challenged("a thousand cookies", t.send(get("/me").with("Cookie", strings.TrimSuffix(strings.Repeat("a=b; ", 1000), "; "))))
}

func cookieIsNoLogin(t *T) {
	b, acc := t.visitor()
	id := b.session()
	t.old(id)
	t.moveSession(id, "last_seen_at", time.Hour)
	b.me().want(http.StatusOK)
	noted := func() bool { return time.Since(seenAt(t.sessionList(b.visit("/sessions"))[0])) < time.Minute }
	if !within(10*time.Second, noted) {
		t.Fatalf("the use of a session by cookie is not noted")
	}
	c := post("/passkey/recovery/codes", nil)
	if acc.passkey == nil {
		c = linkCall(t.first())
	}
	b.send(c.own()).refused("an old sign-in whose cookie is in use", http.StatusForbidden, "reauth_required")
}
