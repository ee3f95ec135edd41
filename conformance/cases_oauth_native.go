package conformance

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"fastman/internal/feature"
)

var oauthNativeCases = []Case{
	{
		Name: "native/a-code-is-exchanged-for-tokens", Section: "oauth: POST /token",
		Type: feature.OAuth, ASVS: []string{"14.2.1"}, RFC: []string{"RFC 8252 4.1", "RFC 6749 5.1"}, Run: nativeExchange,
	},
	{
		Name: "native/a-code-serves-once-of-ten-at-once", Section: "oauth: one-time code, 1 min",
		Type: feature.OAuth, RFC: []string{"RFC 6749 4.1.2", "RFC 6749 10.5"}, Run: nativeOnce,
	},
	{
		Name: "native/a-code-needs-its-verifier", Section: "oauth: POST /token",
		Type: feature.OAuth, RFC: []string{"RFC 7636 4.6", "RFC 8252 8.1"}, Run: nativeVerifier,
	},
	{
		Name: "native/a-code-lasts-a-minute-and-only-its-hash-is-stored", Section: "oauth: one-time code, 1 min",
		Type: feature.OAuth, RFC: []string{"RFC 6749 10.5"}, Needs: []Need{NeedDB}, Run: nativeRow,
	},
	{
		Name: "native/only-listed-addresses-get-a-code", Section: "oauth: exact allow-list AUTH_APP_REDIRECTS",
		Type: feature.OAuth, ASVS: []string{"3.7.2"}, RFC: []string{"RFC 9700 4.1.3", "RFC 8252 7.1"}, Run: nativeRedirects,
	},
	{
		Name: "native/the-challenge-is-s256", Section: "oauth: exact allow-list AUTH_APP_REDIRECTS, S256",
		Type: feature.OAuth, RFC: []string{"RFC 7636 4.2"}, Run: nativeChallenge,
	},
	{
		Name: "native/the-apps-state-comes-back", Section: "oauth: POST /token",
		Type: feature.OAuth, RFC: []string{"RFC 6749 4.1.2"}, Run: nativeState,
	},
	{
		Name: "native/hostile-exchanges-are-400-or-422", Section: "oauth: POST /token",
		Type: feature.OAuth, ASVS: []string{"14.3.2"}, RFC: []string{"RFC 6749 5.2"}, Run: nativeHostile,
	},
	{
		Name: "native/an-inactive-user-gets-no-tokens", Section: "oauth: POST /token",
		Type: feature.OAuth, ASVS: []string{"6.3.4", "7.4.2"}, Needs: []Need{NeedDB}, Run: nativeInactive,
	},
}

const badCode = "Invalid or expired code"

func nativeExchange(t *T) {
	for _, p := range t.providers() {
		account := person(p)
		n := t.beginNative(p)
		a := n.browser.comeBack(n.choose(account)).want(http.StatusSeeOther)
		if len(n.browser.jar) > 0 {
			a.errorf("a native sign-in leaves the cookies %v", sortedKeys(n.browser.jar))
		}
		query := queryOf(a.header.Get("Location"))
		if len(query.Get("code")) != 43 || len(query) != 1 {
			a.errorf("the native app is sent the parameters %v", sortedKeys(query))
		}
		answer := t.send(exchangeCode(query.Get("code"), n.verifier)).want(http.StatusOK)
		answer.exactly("access_token", "token_type", "expires_in", "refresh_token")
		if len(answer.cookies()) > 0 {
			answer.errorf("the exchange sets a cookie")
		}
		s := t.session(answer)
		if user := t.me(s.access).want(http.StatusOK).object(); user["email"] != account.Email || user["oauth_provider"] != p.Name {
			t.Errorf("the tokens are those of %v", user)
		}
		if list := t.sessions(s.access); len(list) != 1 || list[0]["method"] != p.Name {
			t.Errorf("the sessions are %v", list)
		}
		t.alive("a native session", s)
	}
}

func nativeOnce(t *T) {
	p := t.first()
	n := t.beginNative(p)
	code := n.code(person(p))
	counts := map[int]int{}
	for _, a := range t.together(slices.Repeat([]call{exchangeCode(code, n.verifier)}, 10)) {
		counts[a.status]++
	}
	if counts[http.StatusOK] != 1 || counts[http.StatusBadRequest] != 9 {
		t.Errorf("ten exchanges of one code: %v, want one 200 and nine 400", counts)
	}
	t.send(exchangeCode(code, n.verifier)).refused("the code again", http.StatusBadRequest, badCode)
}

func nativeVerifier(t *T) {
	p := t.first()
	for what, verifier := range map[string]func(n native) string{
		"another verifier":       func(native) string { return newVerifier() },
		"the challenge itself":   func(n native) string { return sha256Text(n.verifier) },
		"a shorter verifier":     func(n native) string { return n.verifier[:51] },
		"a longer verifier":      func(n native) string { return n.verifier + "A" },
		"another case":           func(n native) string { return strings.ToLower(n.verifier) },
		"a verifier and a space": func(n native) string { return n.verifier + " " },
	} {
		n := t.beginNative(p)
		code := n.code(person(p))
		t.send(exchangeCode(code, verifier(n))).refused(what, http.StatusBadRequest, badCode)
		t.send(exchangeCode(code, n.verifier)).refused("the right one after "+what, http.StatusBadRequest, badCode)
	}
	one, other := t.beginNative(p), t.beginNative(p)
	code := one.code(person(p))
	other.code(person(p))
	t.send(exchangeCode(code, other.verifier)).refused("the verifier of another sign-in", http.StatusBadRequest, badCode)
}

func nativeRow(t *T) {
	p := t.first()
	n := t.beginNative(p)
	code := n.code(person(p))
	row := t.row("SELECT * FROM auth_challenges WHERE id = ?", challengeID(code))
	if strings.Contains(strings.Join(row, "\n"), code) {
		t.Errorf("the code stands in its row")
	}
	soon, late := t.target.Dialect.stamp(time.Now().Add(30*time.Second)), t.target.Dialect.stamp(time.Now().Add(90*time.Second))
	if len(t.query("SELECT 1 FROM auth_challenges WHERE id = ? AND purpose = 'oauth_code' AND expires_at > ? AND expires_at < ?", challengeID(code), soon, late)) != 1 {
		t.Errorf("a code does not end in a minute")
	}
	t.exec("UPDATE auth_challenges SET expires_at = ? WHERE id = ?", t.target.Dialect.stamp(time.Now().Add(-time.Second)), challengeID(code))
	t.send(exchangeCode(code, n.verifier)).refused("a code of more than a minute", http.StatusBadRequest, badCode)

	at := t.browser().begin(p)
	data, _ := t.attemptRow(at)
	t.send(exchangeCode(at.state(), data.Verifier)).refused("a state as a code", http.StatusBadRequest, badCode)
}

func nativeRedirects(t *T) {
	p := t.first()
	challenge := sha256Text(newVerifier())
	listed := appRedirects[0]
	for _, redirect := range []string{
		"https://evil.example/cb", "com.example.app:/callback/", "com.example.app:/callback?x", "com.example.app:/callback#x", "com.example.app:/Callback", "COM.example.app:/callback",
		"com.example.app:/callback%00", "com.example.app:/callback ", "com.example.app://callback", "com.example.app:/callback@evil.example", "http://127.0.0.1:7777/cb", "http://127.0.0.1:7778/cb?from=app",
		"http://localhost:7777/cb?from=app", "http://127.0.0.1:7777/cb?from=app&x=y", listed + "," + appRedirects[1], "javascript:alert(1)", "*", "",
	} {
		a := t.send(get(loginPath(p, "app_redirect", redirect, "code_challenge", challenge)))
		a.refused("app_redirect="+quoted(redirect), http.StatusBadRequest, "Invalid app_redirect")
		if len(a.cookies()) > 0 {
			a.errorf("app_redirect=%s sets a cookie", quoted(redirect))
		}
	}
	t.send(get(loginPath(p, "code_challenge", challenge))).refused("a challenge without app_redirect", http.StatusBadRequest, "Invalid app_redirect")
	for _, redirect := range appRedirects {
		b := t.browser()
		a := b.comeBack(b.begin(p, "app_redirect", redirect, "code_challenge", challenge, "next", "/elsewhere").choose(person(p))).want(http.StatusSeeOther)
		have := a.header.Get("Location")
		head, _, _ := strings.Cut(redirect, "?")
		if query := queryOf(have); !strings.HasPrefix(have, head+"?") || len(query.Get("code")) != 43 || query.Get("from") != queryOf(redirect).Get("from") {
			a.errorf("the native app at %s is sent %q", redirect, have)
		}
	}
}

func nativeChallenge(t *T) {
	p := t.first()
	good := sha256Text(newVerifier())
	for _, challenge := range []string{"", good[:42], good + "A", good[:42] + "=", good[:42] + "+", good[:42] + " ", good[:41] + "é", strings.Repeat("A", 5000)} {
		t.send(get(loginPath(p, "app_redirect", appRedirects[0], "code_challenge", challenge))).
			refused("code_challenge="+quoted(challenge), http.StatusBadRequest, "Invalid code_challenge")
	}
	t.send(get(loginPath(p, "app_redirect", appRedirects[0]))).refused("no code_challenge", http.StatusBadRequest, "Invalid code_challenge")
}

func nativeState(t *T) {
	p := t.first()
	for _, state := range []string{"x", "a b&c=d?e#f%20", "žluťoučký", strings.Repeat("s", 512)} {
		n := t.beginNative(p, "app_state", state)
		if query := n.query(person(p)); query.Get("state") != state || len(query) != 2 {
			t.Errorf("app_state=%s comes back as %q", quoted(state), query["state"])
		}
	}
	t.send(get(loginPath(p, "app_redirect", appRedirects[0], "code_challenge", sha256Text("x"), "app_state", strings.Repeat("s", 513)))).
		refused("app_state of 513 characters", http.StatusBadRequest, "Invalid app_state")
}

func nativeHostile(t *T) {
	code, verifier := newVerifier()[:43], newVerifier()
	for _, body := range []any{
		"", "{", "[]", "null", "7", `{"code":1,"code_verifier":2}`, `{"code":null,"code_verifier":null}`, `{"code":["x"],"code_verifier":"x"}`,
		map[string]any{"code": code}, map[string]any{"code_verifier": verifier}, `{"code":"` + code + `","code":"x","code_verifier":"` + verifier + `"}`,
		`{"code":"\ud800","code_verifier":"x"}`, map[string]any{"Code": code, "Code_verifier": verifier},
	} {
		t.send(post("/token", body)).expect("the body "+quoted(string(encode(body))), http.StatusUnprocessableEntity)
	}
	for _, text := range []string{code, "x", "\x00", strings.Repeat("x", 50_000), "' OR 1=1", "é", "\u2028"} {
		a := t.send(exchangeCode(text, verifier)).expect("the code "+quoted(text), http.StatusBadRequest, http.StatusUnprocessableEntity)
		t.send(exchangeCode(code, text)).expect("the verifier "+quoted(text), http.StatusBadRequest, http.StatusUnprocessableEntity)
		if a.header.Get("Cache-Control") != "no-store" {
			a.errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
		}
	}
	t.send(get("/token")).expect("GET /token", http.StatusMethodNotAllowed, http.StatusNotFound)
}

func nativeInactive(t *T) {
	p := t.first()
	n := t.beginNative(p)
	account := person(p)
	code := n.code(account)
	t.exec("UPDATE users SET is_active = ? WHERE email_key = ?", false, identityKey(account.Email))
	t.send(exchangeCode(code, n.verifier)).refused("the code of an inactive user", http.StatusBadRequest, badCode)
}
