package conformance

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"

	"fastman/internal/feature"
)

var loginCases = []Case{
	{
		Name: "login/answers-200-with-a-token", Section: "jwt: POST /login",
		Type: feature.JWT, RFC: []string{"RFC 6749 5.1"}, Run: loginAnswersToken,
	},
	{
		Name: "login/takes-form-multipart-and-json", Section: "jwt: or the same as JSON",
		Type: feature.JWT, Run: loginTakesAll,
	},
	{
		Name: "login/by-email-or-username", Section: "jwt: username may hold the e-mail",
		Type: feature.JWT, Run: loginByAnyName,
	},
	{
		Name: "login/ignores-the-other-oauth2-fields", Section: "jwt: Swagger's Authorize works",
		Type: feature.JWT, RFC: []string{"RFC 6749 4.3.2"}, Run: loginIgnoresGrant,
	},
	{
		Name: "login/needs-both-fields", Section: "jwt: POST /login",
		Type: feature.JWT, RFC: []string{"RFC 6749 3.2"}, Run: loginNeedsFields,
	},
	{
		Name: "login/refuses-other-content-types", Section: "jwt: POST /login",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.5.16"}, Run: loginContentTypes,
	},
	{
		Name: "login/wrong-password-is-401-with-challenge", Section: "Errors: 401 carries WWW-Authenticate: Bearer",
		Type: feature.JWT, RFC: []string{"RFC 9110 11.6.1"}, Run: loginWrongPassword,
	},
	{
		Name: "login/failures-are-one-answer", Section: "No enumeration: same status, body and time",
		Type: feature.JWT, ASVS: []string{"6.3.8"}, Run: loginFailuresAlike,
	},
	{
		Name: "login/inactive-and-passwordless-fail-alike", Section: "No enumeration: Unknown user, wrong password, inactive, no password",
		Type: feature.JWT, ASVS: []string{"6.3.8", "6.3.4"}, Needs: []Need{NeedDB}, Run: loginInactiveAlike,
	},
	{
		Name: "login/every-one-is-a-new-session", Section: "Bytes: session ids and challenge ids",
		Type: feature.JWT, ASVS: []string{"7.2.2", "7.2.3", "7.2.4"}, Run: loginMakesSessions,
	},
	{
		Name: "login/credentials-in-the-address-do-not-count", Section: "jwt: POST /login",
		Type: feature.JWT, ASVS: []string{"14.2.1"}, Run: loginIgnoresQuery,
	},
	{
		Name: "login/a-name-can-not-pose-as-another", Section: "Identity: no @ (it can't pose as an e-mail), no spaces, no control characters",
		Type: feature.JWT, Run: loginNamesDoNotMix,
	},
}

func loginAnswersToken(t *T) {
	acc := t.register()
	a := t.login(acc.email, acc.password).want(http.StatusOK)
	fields := a.exactly("access_token", "token_type", "expires_in", "refresh_token")
	if fields["token_type"] != "bearer" {
		a.errorf("token_type is %v, want bearer", fields["token_type"])
	}
	s := t.session(a)
	lifetime := s.seconds("exp") - s.seconds("iat")
	expires, _ := fields["expires_in"].(json.Number)
	if n, err := expires.Int64(); err != nil || n != lifetime || n <= 0 {
		a.errorf("expires_in is %v, the token lives %d seconds", fields["expires_in"], lifetime)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		a.errorf("Content-Type is not application/json")
	}
}

func loginTakesAll(t *T) {
	acc := t.register()
	body := map[string]string{"username": acc.username, "password": acc.password}
	t.login(acc.username, acc.password).expect("a form", 200)
	t.send(post("/login", body)).expect("JSON", 200)
	t.send(post("/login", body).with("Content-Type", "application/json; charset=utf-8")).expect("JSON with its charset", 200)
	t.send(loginForm(acc.username, acc.password).with("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")).
		expect("a form with its charset", 200)
	t.send(multipartLogin(body)).expect("multipart", 200)
	body["password"] += "x"
	t.send(post("/login", body)).expect("JSON with a wrong password", 401)
	t.send(multipartLogin(body)).expect("multipart with a wrong password", 401)
}

func multipartLogin(fields map[string]string) call {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, name := range sortedKeys(fields) {
		_ = form.WriteField(name, fields[name])
	}
	_ = form.Close()
	return post("/login", body.Bytes()).with("Content-Type", form.FormDataContentType())
}

func loginByAnyName(t *T) {
	acc := newAccount()
	acc.username = "am\u00e9lie." + unique()
	acc = t.registerAs(acc)
	for what, name := range map[string]string{
		"the e-mail": acc.email, "the e-mail in capitals": strings.ToUpper(acc.email),
		"the username": acc.username, "the username in capitals": strings.ToUpper(acc.username),
		"the username in NFD": strings.Replace(acc.username, "\u00e9", "e\u0301", 1),
	} {
		a := t.login(name, acc.password).expect(what, 200)
		if a.status == http.StatusOK {
			who := t.me(t.session(a).access).want(200).object()
			if who["email"] != acc.email {
				a.errorf("%s signed in somebody else", what)
			}
		}
	}
}

func loginIgnoresGrant(t *T) {
	acc := t.register()
	form := postForm("/login", "grant_type", "password", "username", acc.email, "password", acc.password,
		"scope", "admin me", "client_id", "swagger", "client_secret", "x")
	s := t.session(t.send(form).want(http.StatusOK))
	if _, there := s.claims["scope"]; there {
		t.Errorf("the token carries a scope that the client asked for")
	}
}

func loginNeedsFields(t *T) {
	acc := t.register()
	for what, form := range map[string]string{
		"no password": "username=" + acc.username, "no username": "password=x", "nothing": "",
		"two usernames": "username=a&username=" + acc.username + "&password=" + acc.password,
		"two passwords": "username=" + acc.username + "&password=a&password=" + acc.password,
	} {
		form = strings.ReplaceAll(form, " ", "+")
		t.send(postRawForm("/login", form)).expect("form: "+what, 422)
	}
	for _, body := range []string{
		`{}`, `{"username":"x"}`, `{"password":"correct horse"}`, `{"username":null,"password":"correct horse"}`,
		`{"username":1,"password":"correct horse"}`, `{"username":"x","password":12345678}`, `{"username":"x","password":["y"]}`,
	} {
		t.send(post("/login", body)).expect(body, 422)
	}
}

func loginContentTypes(t *T) {
	acc := t.register()
	body := encode(map[string]string{"username": acc.email, "password": acc.password})
	for _, kind := range []string{"text/plain", "application/xml", "", "x", "application/jsonp", "multipart/form-data", ";"} {
		a := t.send(post("/login", body).with("Content-Type", kind))
		a.expect("JSON as "+quoted(kind), 415, 422)
	}
}

func loginWrongPassword(t *T) {
	acc := t.register()
	a := t.login(acc.email, acc.password+"x").want(http.StatusUnauthorized)
	if text := a.detail(); !a.says("Incorrect username or password") {
		a.errorf("detail is %q", text)
	}
	if challenge := a.header.Get("WWW-Authenticate"); challenge != "Bearer" {
		a.errorf("WWW-Authenticate is %q, want Bearer", challenge)
	}
}

// sameAnswer compares everything that the client sees, the time excepted.
func sameAnswer(what string, a, b *answer) {
	ah, bh := maps.Clone(a.header), maps.Clone(b.header)
	ah.Del("Date")
	bh.Del("Date")
	same := a.status == b.status && bytes.Equal(a.body, b.body) &&
		maps.EqualFunc(ah, bh, func(x, y []string) bool { return strings.Join(x, "\n") == strings.Join(y, "\n") })
	if !same {
		b.errorf("%s is answered differently from a wrong password:\n%s\n  instead of", what, a.dump())
	}
}

func loginFailuresAlike(t *T) {
	acc := t.register()
	wrong := t.login(acc.email, acc.password+"x").want(http.StatusUnauthorized)
	for what, name := range map[string]string{
		"a wrong password by username": acc.username,
		"an unknown e-mail":            newAccount().email,
		"an unknown username":          newAccount().username,
		"what can be no username":      "no body",
		"what can be no e-mail":        "nobody@",
		"a name of one letter":         "x",
		"a long name":                  strings.Repeat("x", 500),
		"a wildcard":                   "%",
		"a piece of SQL":               "' OR '1'='1",
	} {
		sameAnswer(what, wrong, t.login(name, "correct horse "+unique()))
	}
}

func loginInactiveAlike(t *T) {
	acc := t.register()
	wrong := t.login(acc.email, acc.password+"x").want(http.StatusUnauthorized)
	t.exec("UPDATE users SET is_active = ? WHERE id = ?", false, acc.id)
	sameAnswer("the right password of an inactive user", wrong, t.login(acc.email, acc.password))
	sameAnswer("a wrong password of an inactive user", wrong, t.login(acc.email, acc.password+"x"))
	t.exec("UPDATE users SET is_active = ?, hashed_password = NULL WHERE id = ?", true, acc.id)
	sameAnswer("an account without a password", wrong, t.login(acc.email, acc.password))
}

func loginMakesSessions(t *T) {
	acc := t.register()
	first, second := t.signIn(acc), t.signIn(acc)
	for _, claim := range []string{"sid", "jti"} {
		if first.claims[claim] == second.claims[claim] {
			t.Errorf("two logins share their %s", claim)
		}
	}
	if first.refresh == second.refresh {
		t.Errorf("two logins share their refresh token")
	}
	t.me(first.access).expect("the first session after the second login", 200)
	t.me(second.access).expect("the second session", 200)
}

func loginIgnoresQuery(t *T) {
	acc := t.register()
	query := strings.TrimPrefix(string(loginForm(acc.email, acc.password).body), "?")
	t.send(postRawForm("/login?"+query, "")).expect("POST with the form in the query", 422)
	if !t.target.Set.Has(feature.OAuth) { // there GET /login goes to the provider
		t.send(get("/login?"+query)).expect("GET with the form in the query", 404, 405)
	}
}

func loginNamesDoNotMix(t *T) {
	victim := t.register()
	local, _, _ := strings.Cut(victim.email, "@")
	other := newAccount()
	other.username = local
	other = t.registerAs(other)
	t.login(victim.email, other.password).expect("the victim's e-mail with the other's password", 401)
	t.login(local, victim.password).expect("the other's username with the victim's password", 401)
	who := t.me(t.session(t.login(local, other.password).want(200)).access).object()
	if who["email"] != other.email {
		t.Errorf("the username %q signed in %v", local, who["email"])
	}
}
