package conformance

import (
	"net/http"
	"strings"

	"fastman/internal/feature"
)

var crossSiteCases = []Case{
	{
		Name: "cross-site/unsafe-methods-by-cookie-need-a-page-of-this-app", Section: "Cookie session: Unsafe methods by cookie need an Origin or Sec-Fetch-Site of this app",
		ASVS: []string{"3.5.1", "3.5.2"}, Needs: []Need{NeedCookies}, Run: crossSiteRefused,
	},
	{
		Name: "cross-site/this-app-and-trusted-origins-pass", Section: "Cookie session: or of AUTH_TRUSTED_ORIGINS",
		ASVS: []string{"3.5.1"}, Needs: []Need{NeedBoot, NeedCookies}, Run: crossSiteAllowed,
	},
	{
		Name: "cross-site/reading-is-left-to-the-browser", Section: "Cookie session: Unsafe methods by cookie need an Origin or Sec-Fetch-Site of this app",
		RFC: []string{"RFC 9110 9.2.1"}, Needs: []Need{NeedCookies}, Run: crossSiteReading,
	},
	{
		Name: "cross-site/tokens-need-no-origin", Section: "Cookie session: Unsafe methods by cookie need an Origin or Sec-Fetch-Site of this app",
		Needs: []Need{NeedCookies}, Run: crossSiteTokens,
	},
}

// foreignHeaders are what a browser sends from a page that is not of this app, and what
// no browser sends.
func (t *T) foreignHeaders() map[string]map[string]string {
	own := t.target.URL
	return map[string]map[string]string{
		"neither header":                   {},
		"a page of another site":           {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"a page of a sibling":              {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.app.example"},
		"another site, without Origin":     {"Sec-Fetch-Site": "cross-site"},
		"a sibling, without Origin":        {"Sec-Fetch-Site": "same-site"},
		"an old browser on another site":   {"Origin": "https://evil.example"},
		"a sandboxed page":                 {"Origin": "null"},
		"a sandboxed page of a new one":    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
		"an empty Origin":                  {"Origin": ""},
		"another port":                     {"Origin": publicURL + ":8443"},
		"a longer host":                    {"Origin": publicURL + ".evil.example"},
		"the app behind an @":              {"Origin": "https://evil.example@app.example"},
		"the app as a path":                {"Origin": "https://evil.example/" + publicURL},
		"two origins":                      {"Origin": publicURL + " https://evil.example"},
		"a Referer in place of Origin":     {"Referer": publicURL + "/"},
		"a made-up Sec-Fetch-Site":         {"Sec-Fetch-Site": "SAME-ORIGIN, cross-site"},
		"a forwarded host as Origin":       {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
		"this app's address as a path":     {"Origin": "http://evil.example/" + strings.TrimPrefix(own, "http://")},
		"an Origin that ends as this host": {"Origin": "http://evil-" + strings.TrimPrefix(own, "http://")},
	}
}

func crossSiteRefused(t *T) {
	b, acc := t.visitor()
	for what, headers := range t.foreignHeaders() {
		for _, c := range append([]call{
			post("/logout", nil), deleteSessions(), deleteSession(b.session()), post("/verify/request", nil),
			post("/logout", nil).with("Accept", "text/html"), postForm("/logout", "a", "b"),
		}, t.ofType(acc)...) {
			for name, value := range headers {
				c = c.with(name, value)
			}
			a := b.send(c).refused(what+": "+c.method+" "+c.path, http.StatusForbidden, "Cross-site request refused")
			if len(a.cookies()) > 0 {
				a.errorf("%s: a cookie is set", what)
			}
		}
	}
	b.me().expect("the session afterwards", http.StatusOK)
	if t.target.Set.Has(feature.OAuth) && len(b.linked()) != 1 {
		t.Errorf("the identity is gone")
	}
}

// ofType are unsafe calls that only some sets have.
func (t *T) ofType(acc account) []call {
	var all []call
	if t.target.Set.Has(feature.OAuth) {
		all = append(all, linkCall(t.first()), unlinkCall(t.first().Name))
	}
	if t.target.Set.Has(feature.Passkey) {
		k := newPasskey(algES256)
		if acc.passkey != nil {
			k = acc.passkey
		}
		all = append(all, registerOptions(acc.email), registerVerify(acc.email, k.create(newVerifier()[:43], "AA")),
			removePasskey(k), passkeyCall(http.MethodPatch, k, map[string]any{"device_name": "x"}), post("/passkey/recovery/codes", nil))
	}
	return all
}

func crossSiteAllowed(t *T) {
	app := t.boot(map[string]string{"AUTH_TRUSTED_ORIGINS": "https://spa.example, http://localhost:5173/"})
	b, _ := app.visitor()
	for what, headers := range map[string]map[string]string{
		"a page of this app":         {"Sec-Fetch-Site": "same-origin"},
		"the address bar":            {"Sec-Fetch-Site": "none"},
		"an old browser, public URL": {"Origin": publicURL},
		"a trusted origin":           {"Sec-Fetch-Site": "cross-site", "Origin": "https://spa.example"},
		"a trusted origin with port": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:5173"},
		"a trusted origin, old":      {"Origin": "https://spa.example"},
	} {
		c := post("/verify/request", nil)
		for name, value := range headers {
			c = c.with(name, value)
		}
		b.send(c).expect(what, http.StatusAccepted)
	}
	for _, origin := range []string{"https://spa.example.evil.example", "http://spa.example", "https://spa.example:444", "http://localhost:5174", "https://evil-spa.example"} {
		b.send(post("/verify/request", nil).with("Origin", origin).with("Sec-Fetch-Site", "cross-site")).
			refused("the origin "+origin, http.StatusForbidden, "Cross-site request refused")
	}
	b.send(post("/logout", nil).own()).done("logout")
}

func crossSiteReading(t *T) {
	b, _ := t.visitor()
	for _, path := range []string{"/me", "/sessions"} {
		a := b.send(get(path).with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example")).expect(path, http.StatusOK)
		if a.header.Get("Access-Control-Allow-Origin") != "" {
			a.errorf("%s lets another site read", path)
		}
	}
}

func crossSiteTokens(t *T) {
	_, s := t.member()
	t.send(post("/verify/request", nil).as(s.access).with("Origin", "https://evil.example").with("Sec-Fetch-Site", "cross-site")).
		expect("a token from another site", http.StatusAccepted)
	t.send(refreshWith(s.refresh).with("Origin", "https://evil.example")).expect("a refresh from another site", http.StatusOK)
}
