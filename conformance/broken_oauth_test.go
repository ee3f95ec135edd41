package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
)

// oauthDefects are faults of sign-in with providers and of cookie sessions.
var oauthDefects = []defect{
	{
		name: "scripts may read cookies", caught: `^cookie/has-the-flags|^oauth/callback-signs-in`,
		answer: changeCookies(func(c string) string { return strings.Replace(c, "HttpOnly", "", 1) }),
	},
	{
		name: "cookies go along from other sites", caught: `^cookie/has-the-flags`,
		answer: changeCookies(func(c string) string { return strings.NewReplacer("SameSite=Lax", "", "SameSite=lax", "").Replace(c) }),
	},
	{
		name: "cookies end with the browser", caught: `^cookie/has-the-flags|^oauth/login-goes`,
		answer: changeCookies(func(c string) string { return regexp.MustCompile(`(?i)max-age=\d+; ?`).ReplaceAllString(c, "") }),
	},
	{
		name: "every page may do everything", caught: `^cross-site/(unsafe|this-app)|^logout/another-site`,
		ask: func(r *http.Request, _ *traffic) {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Del("Sec-Purpose")
			r.Header.Del("Purpose")
			r.Header.Del("Origin")
		},
	},
	{
		name: "any browser may end a sign-in", caught: `^oauth/another-browsers-state|^providers/a-link-belongs`,
		ask: func(r *http.Request, seen *traffic) {
			if strings.Contains(r.URL.Path, "/callback") {
				r.Header.Set("Cookie", r.Header.Get("Cookie")+"; "+strings.Join(seen.attempts, "; "))
			}
		},
		answer: func(r *http.Response, seen *traffic) {
			for _, cookie := range r.Cookies() {
				if strings.HasPrefix(cookie.Name, "auth_attempt_") && cookie.Value != "" {
					seen.attempts = append(seen.attempts, cookie.Name+"="+cookie.Value)
				}
			}
		},
	},
	{
		name: "next is not looked at", caught: `^oauth/next-leads`, ask: changeQuery("next", ""),
	},
	{
		name: "any app gets a code", caught: `^native/only-listed`, ask: changeQuery("app_redirect", "com.example.app:/callback"),
	},
	{
		name: "every challenge is a good one", caught: `^native/(the-challenge|a-code-is-exchanged)`,
		ask: changeQuery("code_challenge", strings.Repeat("A", 43)),
	},
	{
		name: "iss is not compared", caught: `^oauth/iss-is-compared`,
		ask: func(r *http.Request, seen *traffic) {
			if query := r.URL.Query(); strings.HasSuffix(r.URL.Path, "/callback/oidc") {
				query.Set("iss", seen.issuer)
				r.URL.RawQuery = query.Encode()
			}
		},
		answer: func(r *http.Response, seen *traffic) {
			if issuer, _, found := strings.Cut(r.Header.Get("Location"), "/authorize?"); found {
				seen.issuer = issuer
			}
		},
	},
	{
		name: "HEAD is GET", caught: `^logout/head`,
		ask: func(r *http.Request, _ *traffic) {
			if r.Method == http.MethodHead {
				r.Method = http.MethodGet
			}
		},
	},
	{
		name: "the provider's words are repeated", caught: `^oauth/a-providers-error`,
		answer: func(r *http.Response, _ *traffic) {
			if text := r.Request.URL.Query().Get("error_description"); text != "" {
				setBody(r, `{"detail":"The provider refused the sign-in","because":"`+text+`"}`)
			}
		},
	},
	{
		name: "what a provider breaks is the app's fault", caught: `^oauth/(garbage|redirects|a-forged-id-token|a-code-of-another)`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusBadGateway {
				r.StatusCode = http.StatusInternalServerError
			}
		},
	},
	{
		name: "a code serves twice", caught: `^native/a-code-(serves-once|needs-its-verifier)`,
		reply: func(w http.ResponseWriter, r *http.Request, seen *traffic) bool {
			if !strings.HasSuffix(r.URL.Path, "/token") || seen.exchanged == nil {
				return false
			}
			_, _ = w.Write(seen.exchanged.Body.Bytes())
			return true
		},
		answer: func(r *http.Response, seen *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/token") && r.StatusCode == http.StatusOK {
				seen.exchanged = httptest.NewRecorder()
				_, _ = seen.exchanged.Write(readAll(r))
			}
		},
	},
	{
		name: "logging out is left to the browser", caught: `^logout/(by-cookie|the-pages|a-click)|^cookie/an-authorization`,
		reply: func(w http.ResponseWriter, r *http.Request, _ *traffic) bool {
			if strings.HasSuffix(r.URL.Path, "/logout") {
				http.SetCookie(w, &http.Cookie{Name: "auth_session", MaxAge: -1, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
				w.WriteHeader(http.StatusNoContent)
				return true
			}
			return false
		},
	},
}

func changeCookies(change func(string) string) func(*http.Response, *traffic) {
	return func(r *http.Response, _ *traffic) {
		for i, cookie := range r.Header["Set-Cookie"] {
			r.Header["Set-Cookie"][i] = change(cookie)
		}
	}
}

// changeQuery replaces a parameter where there is one; "" takes it away.
func changeQuery(name, value string) func(*http.Request, *traffic) {
	return func(r *http.Request, _ *traffic) {
		query := r.URL.Query()
		if !query.Has(name) {
			return
		}
		query.Set(name, value)
		if value == "" {
			query.Del(name)
		}
		r.URL.RawQuery = query.Encode()
	}
}
