package conformance

import (
	"net/http"
	"strings"

	"fastman/internal/feature"
)

// Cases for a server that others use: each sends few requests, makes no account, and has
// nothing counted against anybody. The others show more, of a server of their own.
var serverCases = []Case{
	{
		Name: "server/who-shows-no-token-is-nobody", Section: "Sessions: GET /me",
		ASVS: []string{"7.2.1"}, RFC: []string{"RFC 6750 3"}, Harmless: true, Run: serverNobody,
	},
	{
		Name: "server/unsigned-and-foreign-tokens-are-refused", Section: "Access token: One pinned algorithm",
		ASVS: []string{"9.1.1", "9.1.2"}, RFC: []string{"RFC 8725 3.1"}, Harmless: true, Run: serverForged,
	},
	{
		Name: "server/refusals-are-not-stored-and-tell-nothing", Section: "Errors: Cache-Control: no-store",
		ASVS: []string{"14.3.2", "16.5.1"}, RFC: []string{"RFC 9111 5.2.2.5"}, Harmless: true, Run: serverRefusals,
	},
	{
		Name: "server/another-site-may-not-read-with-a-visitors-cookies", Section: "Cookie session: or of AUTH_TRUSTED_ORIGINS",
		ASVS: []string{"3.5.2"}, Harmless: true, Run: serverOrigins,
	},
	{
		Name: "server/a-sign-in-leads-nowhere-else", Section: "oauth: no scheme, //, backslash or control character, also when encoded",
		Type: feature.OAuth, ASVS: []string{"3.7.2"}, RFC: []string{"RFC 6749 10.15", "RFC 9700 4.11.1"}, Harmless: true, Run: serverNext,
	},
}

// control shows that it is the module that answers, and not somebody who refuses all.
func (t *T) control() *answer {
	t.send(get("/me")).expect("who is nobody", http.StatusUnauthorized)
	return t.send(post("/refresh", map[string]any{})).expect("a refresh without its token", http.StatusUnprocessableEntity)
}

func serverNobody(t *T) {
	t.control()
	a := t.send(get("/me"))
	if challenge := a.header.Get("WWW-Authenticate"); challenge != "Bearer" {
		a.errorf("WWW-Authenticate is %q, want Bearer", challenge)
	}
	t.send(get("/sessions")).expect("the sessions of nobody", http.StatusUnauthorized)
}

func serverForged(t *T) {
	t.control()
	claims := map[string]any{"sub": "1", "exp": 4102444800, "iat": 1700000000, "nbf": 1700000000}
	for _, algorithm := range []string{"none", "None", "HS256", "RS256"} {
		k := token{map[string]any{"typ": "at+jwt", "alg": algorithm}, claims}
		t.me(unsigned(k)).expect("a token without a signature, alg "+algorithm, http.StatusUnauthorized)
		t.me(k.signed([]byte("secret"))).expect("a token signed by a well-known key, alg "+algorithm, http.StatusUnauthorized)
	}
}

func serverRefusals(t *T) {
	for what, a := range map[string]*answer{"a refusal": t.send(get("/me")), "bad input": t.control(), "no JSON": t.send(post("/refresh", "{"))} {
		if value := a.header.Get("Cache-Control"); value != "no-store" {
			a.errorf("%s: Cache-Control is %q, want no-store", what, value)
		}
		for _, word := range []string{"Traceback", "File \"", "sqlalchemy", "goroutine ", ".py", ".go:", "SELECT "} {
			if strings.Contains(string(a.body), word) {
				a.errorf("%s: the answer mentions %q", what, word)
			}
		}
	}
}

func serverOrigins(t *T) {
	t.control()
	const evil = "https://evil.example"
	preflight := call{method: http.MethodOptions, path: "/logout"}.with("Origin", evil).
		with("Access-Control-Request-Method", "POST").with("Access-Control-Request-Headers", "content-type")
	for what, c := range map[string]call{"a preflight": preflight, "a request": get("/me").with("Origin", evil), "a request of no origin": get("/me").with("Origin", "null")} {
		a := t.send(c)
		allowed, credentials := a.header.Get("Access-Control-Allow-Origin"), a.header.Get("Access-Control-Allow-Credentials")
		if allowed != "" && allowed == c.header["Origin"] && credentials == "true" {
			a.errorf("%s from %s may be read, with the visitor's cookies", what, c.header["Origin"])
		}
	}
}

func serverNext(t *T) {
	t.send(get("/login/nobody")).expect("an unknown provider", http.StatusNotFound)
	for _, next := range []string{"https://evil.example", "//evil.example", "/%5cevil.example"} {
		t.send(get("/login?next="+strings.ReplaceAll(next, "%", "%25"))).expect("next="+quoted(next), http.StatusBadRequest)
	}
}
