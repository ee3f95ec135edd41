package conformance

import (
	"net/http"
	"net/url"
	"strings"
)

var logoutPageCases = []Case{
	{
		Name: "logout/a-click-ends-the-session", Section: "oauth: GET, POST /logout",
		ASVS: []string{"7.4.1", "7.4.4"}, RFC: []string{"RFC 9110 15.4.4"}, Needs: []Need{NeedCookies}, Run: logoutClick,
	},
	{
		Name: "logout/another-site-a-picture-or-a-prefetch-ends-nothing", Section: "oauth: not when Sec-Fetch says cross-site, no navigation, or prefetch: then a page with a button",
		ASVS: []string{"3.5.1", "3.5.3"}, RFC: []string{"RFC 9110 9.2.1"}, Needs: []Need{NeedCookies}, Run: logoutForeign,
	},
	{
		Name: "logout/the-pages-button-works", Section: "oauth: then a page with a button",
		ASVS: []string{"7.4.1", "7.4.4"}, Needs: []Need{NeedCookies}, Run: logoutButton,
	},
	{
		Name: "logout/by-cookie-clears-it", Section: "oauth: ends the session, clears the cookie",
		ASVS: []string{"7.4.1"}, Needs: []Need{NeedCookies}, Run: logoutByCookie,
	},
	{
		Name: "logout/head-is-405", Section: "oauth: HEAD 405",
		ASVS: []string{"3.5.3"}, RFC: []string{"RFC 9110 9.2.1", "RFC 9110 15.5.6"}, Needs: []Need{NeedCookies}, Run: logoutHead,
	},
	{
		Name: "logout/leads-nowhere-else", Section: "oauth: GET, POST /logout",
		ASVS: []string{"3.7.2"}, RFC: []string{"RFC 9700 4.11.1"}, Needs: []Need{NeedCookies}, Run: logoutLeads,
	},
}

// wantCleared expects that an answer takes the session cookie away.
func (b *browser) wantCleared(a *answer) {
	for _, cookie := range a.cookies() {
		if cookie.Name == sessionCookie && cookie.MaxAge < 0 && cookie.Value == "" {
			return
		}
	}
	a.errorf("the session cookie is not taken away")
}

func logoutClick(t *T) {
	for what, headers := range map[string]map[string]string{
		"a click on a link of the app": {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		"the address bar":              {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
		"a browser without Sec-Fetch":  {},
	} {
		b, _ := t.visitor()
		kept := b.cookie(sessionCookie)
		c := get("/logout")
		for name, value := range headers {
			c = c.with(name, value)
		}
		a := b.send(c).expect(what, http.StatusSeeOther)
		if a.header.Get("Location") != "/" {
			a.errorf("%s: the browser is sent to %q", what, a.header.Get("Location"))
		}
		b.wantCleared(a)
		b.setCookie(sessionCookie, kept)
		b.outside(what)
		b.send(c).expect(what+", again", http.StatusSeeOther)
		t.browser().send(c).expect(what+", without a session", http.StatusSeeOther)
	}
}

func logoutForeign(t *T) {
	b, _ := t.visitor()
	for what, headers := range map[string]map[string]string{
		"a link of another site":    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		"a link of a sibling":       {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
		"a picture":                 {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
		"a picture of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
		"a script":                  {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
		"a prefetch":                {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch"},
		"a prerender":               {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch;prerender"},
		"an old prefetch":           {"Purpose": "prefetch"},
	} {
		c := get("/logout")
		for name, value := range headers {
			c = c.with(name, value)
		}
		a := b.send(c).expect(what, http.StatusOK)
		if len(a.cookies()) > 0 {
			a.errorf("%s: a cookie is set", what)
		}
		a.wantPage(what)
		b.me().expect("the session after "+what, http.StatusOK)
	}
}

// wantPage expects a page with a button, that can do nothing else.
func (a *answer) wantPage(what string) {
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("Cache-Control") != "no-store" {
		a.errorf("%s is answered with %q, Cache-Control: %s", what, a.header.Get("Content-Type"), a.header.Get("Cache-Control"))
	}
	for _, part := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(a.header.Get("Content-Security-Policy"), part) {
			a.errorf("%s: the page's Content-Security-Policy lacks %s", what, part)
		}
	}
	page := strings.ToLower(string(a.body))
	for _, part := range []string{"<form", `method="post"`, "<button", "<html lang="} {
		if !strings.Contains(page, part) {
			a.errorf("%s: the page lacks %s", what, part)
		}
	}
	if strings.Contains(page, "<script") {
		a.errorf("%s: the page has a script", what)
	}
}

// pressLogout is what a browser sends when the button is pressed.
func pressLogout() call {
	return postForm("/logout").with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").
		with("Origin", publicURL).with("Sec-Fetch-Site", "same-origin").with("Sec-Fetch-Mode", "navigate")
}

func logoutButton(t *T) {
	b, _ := t.visitor()
	a := b.send(pressLogout()).expect("the button", http.StatusSeeOther)
	if a.header.Get("Location") != "/" {
		a.errorf("the browser is sent to %q", a.header.Get("Location"))
	}
	b.wantCleared(a)
	b.outside("the button was pressed")
	b.setCookie(sessionCookie, newVerifier()[:43])
	b.send(pressLogout()).expect("the button, when the session has ended already", http.StatusSeeOther)
}

func logoutByCookie(t *T) {
	b, acc := t.visitor()
	other := t.revisit(acc)
	kept := b.cookie(sessionCookie)
	a := b.send(post("/logout", nil).own())
	a.done("logout by cookie")
	b.wantCleared(a)
	b.setCookie(sessionCookie, kept)
	b.outside("logout")
	t.challenged("logout again", b.send(post("/logout", nil).own()))
	other.me().expect("the user's other session", http.StatusOK)
}

func logoutHead(t *T) {
	b, _ := t.visitor()
	c := get("/logout")
	c.method = http.MethodHead
	a := b.send(c).expect("HEAD", http.StatusMethodNotAllowed)
	if len(a.cookies()) > 0 {
		a.errorf("HEAD sets a cookie")
	}
	b.me().expect("the session after HEAD", http.StatusOK)
}

// leadingParameters are what apps call the parameter that says where to go next.
var leadingParameters = []string{"next", "redirect", "redirect_uri", "redirect_to", "return_to", "returnTo", "url", "continue", "post_logout_redirect_uri"}

func logoutLeads(t *T) {
	b, _ := t.visitor()
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example"} {
		query := url.Values{}
		for _, name := range leadingParameters {
			query.Set(name, to)
		}
		click, press := get("/logout?"+query.Encode()), pressLogout()
		press.path += "?" + query.Encode()
		for what, c := range map[string]call{"a click": click, "the button": press} {
			a := b.send(c.with("Referer", "https://evil.example/")).expect(what, http.StatusSeeOther)
			if strings.Contains(a.header.Get("Location"), "evil.example") {
				a.errorf("%s with %q leads to %q", what, to, a.header.Get("Location"))
			}
		}
	}
}
