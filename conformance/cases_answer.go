package conformance

import (
	"net/http"
	"strconv"
	"strings"

	"fastman/internal/feature"
)

var answerCases = []Case{
	{
		Name: "answers/are-not-stored-by-caches", Section: "Errors: Cache-Control: no-store",
		Type: feature.JWT, ASVS: []string{"14.3.2"}, RFC: []string{"RFC 9111 5.2.2.5"}, Run: answersNotStored,
	},
	{
		Name: "answers/a-401-carries-the-challenge", Section: "Errors: 401 carries WWW-Authenticate: Bearer",
		Type: feature.JWT, RFC: []string{"RFC 9110 11.6.1", "RFC 9110 15.5.2"}, Run: answersChallenge,
	},
	{
		Name: "answers/an-error-has-a-text", Section: "Errors: {\"detail\": \"...\"}",
		Type: feature.JWT, Run: answersText,
	},
	{
		Name: "answers/a-422-has-loc-type-msg-and-no-input", Section: "Errors: 422: detail as a list with loc, type, msg",
		Type: feature.JWT, ASVS: []string{"16.5.1"}, RFC: []string{"RFC 9110 15.5.21"}, Run: answersWithoutInput,
	},
	{
		Name: "answers/tell-nothing-of-the-inside", Section: "Errors: {\"detail\": \"...\"}",
		Type: feature.JWT, ASVS: []string{"16.5.1"}, Run: answersTellNothing,
	},
	{
		Name: "answers/openapi-shows-endpoints-and-password-flow", Section: "jwt: Swagger's Authorize works",
		Type: feature.JWT, RFC: []string{"RFC 6749 4.3.2"}, Run: answersOpenAPI,
	},
	{
		Name: "answers/a-slash-more-is-another-path", Section: "Errors: Every answer of the module",
		Type: feature.JWT, ASVS: []string{"3.7.2"}, Run: answersSlash,
	},
	{
		Name: "answers/other-methods-are-refused", Section: "jwt: POST /register",
		Type: feature.JWT, ASVS: []string{"3.5.3", "14.3.2"}, RFC: []string{"RFC 9110 9.2.1"}, Run: answersMethods,
	},
}

// marked is in every input that is refused, to be looked for in the answer.
const marked = "Mark7Zq"

// everyAnswer asks for one answer of each kind that the module gives.
func everyAnswer(t *T) map[string]*answer {
	acc, s := t.member()
	fields := func(name string, value any) map[string]any {
		f := newAccount().registration()
		f[name] = value
		return f
	}
	all := map[string]*answer{}
	for what, c := range map[string]call{
		"201 of register":            post("/register", newAccount().registration()),
		"409 of an e-mail":           post("/register", map[string]any{"email": acc.email, "password": acc.password}),
		"409 of a username":          post("/register", fields("username", acc.username)),
		"422 of a short password":    post("/register", fields("password", marked)),
		"422 of a long password":     post("/register", fields("password", strings.Repeat(marked, 200))),
		"422 of a NUL":               post("/register", fields("password", marked+" horse\u0000")),
		"422 of an address":          post("/register", fields("email", marked+"@"+marked)),
		"422 of a username":          post("/register", fields("username", marked+" @!")),
		"422 of a number":            post("/register", fields("password", 1234567890)),
		"422 of a list":              post("/register", fields("password", []string{marked})),
		"422 of an object":           post("/register", fields("email", map[string]string{marked: marked})),
		"422 of a missing field":     post("/register", map[string]string{"email": marked + "@example.com"}),
		"422 of broken JSON":         post("/register", `{"email": "`+marked),
		"422 of a surrogate":         post("/register", `{"email":"a@example.com","password":"`+marked+` horse\ud800"}`),
		"422 of a twofold key":       post("/register", `{"email":"`+marked+`","email":"`+marked+`","password":"`+marked+`"}`),
		"200 of login":               loginForm(acc.email, acc.password),
		"401 of login":               loginForm(acc.email, acc.password+"x"),
		"422 of login, form":         postForm("/login", "username", marked),
		"422 of login, JSON":         post("/login", map[string]any{"username": marked, "password": 7}),
		"422 of login, broken":       post("/login", `{"username": "`+marked),
		"422 of login, long":         loginForm(marked, strings.Repeat(marked, 200)),
		"422 of login, NUL":          loginForm(marked+"\u0000", marked),
		"422 of login, UTF-8":        postRawForm("/login", "username="+marked+"%ff&password="+marked),
		"200 of me":                  me(s.access),
		"401 of me, without a token": get("/me"),
		"401 of me, garbage":         me(marked),
		"401 of refresh":             refreshWith(marked),
		"422 of refresh":             post("/refresh", map[string]any{"refresh_token": []string{marked}}),
		"401 of logout":              post("/logout", nil),
		"200 of sessions":            get("/sessions").as(s.access),
		"401 of sessions":            get("/sessions").as(marked),
		"404 of a session":           call{method: http.MethodDelete, path: "/sessions/" + marked}.as(s.access),
		"401 of a change":            post("/password/change", map[string]any{"current_password": marked, "new_password": marked}),
		"400 of a change":            post("/password/change", map[string]any{"current_password": marked, "new_password": newPassword}).as(s.access),
		"409 of a first password":    setTo(s, newPassword),
		"202 of forgot":              forgot(newAccount().email),
		"422 of forgot":              forgot(marked),
		"400 of reset":               resetWith(marked, newPassword),
		"202 of verify/request":      post("/verify/request", nil).as(s.access),
		"401 of verify/request":      post("/verify/request", nil),
		"400 of verify":              post("/verify", map[string]any{"token": marked}).as(s.access),
		"401 of verify":              post("/verify", map[string]any{"token": marked}),
	} {
		all[what] = t.send(c).expect(what, statusOf(what))
	}
	return all
}

func statusOf(what string) int {
	status, _ := strconv.Atoi(what[:3])
	return status
}

func answersNotStored(t *T) {
	for what, a := range everyAnswer(t) {
		if value := a.header.Get("Cache-Control"); value != "no-store" {
			a.errorf("%s: Cache-Control is %q, want no-store", what, value)
		}
	}
}

func answersChallenge(t *T) {
	for what, a := range everyAnswer(t) {
		values := a.header.Values("WWW-Authenticate")
		if a.status == http.StatusUnauthorized && (len(values) != 1 || values[0] != "Bearer") {
			a.errorf("%s: WWW-Authenticate is %q, want Bearer", what, values)
		}
		if a.status != http.StatusUnauthorized && len(values) > 0 {
			a.errorf("%s: carries a challenge", what)
		}
	}
}

func answersText(t *T) {
	for what, a := range everyAnswer(t) {
		if a.status < 400 {
			continue
		}
		if len(a.exactly("detail")) == 0 {
			a.errorf("%s: no detail", what)
		}
		if a.status != http.StatusUnprocessableEntity && a.detail() == "" {
			a.errorf("%s: detail is empty", what)
		}
	}
}

func answersWithoutInput(t *T) {
	for what, a := range everyAnswer(t) {
		if a.status != http.StatusUnprocessableEntity {
			continue
		}
		a.findings()
		if strings.Contains(string(a.body), marked) || strings.Contains(string(a.body), "1234567890") {
			a.errorf("%s: the answer repeats what was sent", what)
		}
	}
}

func answersTellNothing(t *T) {
	for what, a := range everyAnswer(t) {
		text := string(a.body)
		for _, word := range []string{
			"Traceback", "File \"", "sqlalchemy", "sqlite3", "psycopg", "SELECT ", "INSERT ", "IntegrityError", "goroutine ", ".py", ".go:",
			"pydantic.dev", "$2b$", "hashed_password", "email_key",
		} {
			if strings.Contains(text, word) {
				a.errorf("%s: the answer mentions %q", what, word)
			}
		}
	}
}

func answersOpenAPI(t *T) {
	a := t.send(get("//openapi.json"))
	if a.status == http.StatusNotFound {
		t.skip("needs an app that publishes /openapi.json")
	}
	document := a.want(http.StatusOK).object()
	paths, _ := document["paths"].(map[string]any)
	for path, method := range map[string]string{"/register": "post", "/login": "post", "/me": "get"} {
		at := t.path(strings.ToUpper(method), path)
		operations, _ := paths[at].(map[string]any)
		if _, there := operations[method]; !there {
			t.Errorf("openapi.json lacks %s %s", method, at)
		}
	}
	content := dig(document, "paths", t.path("POST", "/login"), "post", "requestBody", "content")
	for _, kind := range []string{"application/x-www-form-urlencoded", "application/json"} {
		if _, there := content[kind]; !there {
			t.Errorf("openapi.json does not say that login takes %s", kind)
		}
	}
	tokenURL := passwordFlow(document)
	if tokenURL == "" {
		t.Fatalf("openapi.json has no OAuth2 password flow, so Swagger's Authorize can't work")
	}
	acc := t.register()
	login := postForm("//"+strings.TrimPrefix(tokenURL, "/"), "grant_type", "password", "username", acc.email, "password", acc.password)
	t.send(login).expect("the tokenUrl of openapi.json, "+tokenURL, 200)
}

// passwordFlow finds the tokenUrl of the OAuth2 password flow.
func passwordFlow(document map[string]any) string {
	for name := range dig(document, "components", "securitySchemes") {
		flow := dig(document, "components", "securitySchemes", name, "flows", "password")
		if text, _ := flow["tokenUrl"].(string); text != "" {
			return text
		}
	}
	return ""
}

// dig follows the path of names through nested objects.
func dig(object map[string]any, names ...string) map[string]any {
	for _, name := range names {
		object, _ = object[name].(map[string]any)
	}
	return object
}

func answersMethods(t *T) {
	_, s := t.member()
	for path, own := range map[string]string{"/register": "POST", "/login": "POST", "/me": "GET"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "NONSENSE"} {
			if method == own || (path == "/login" && method == "GET" && t.target.Set.Has(feature.OAuth)) {
				continue
			}
			c := me(s.access)
			c.path, c.method = path, method
			a := t.send(c)
			if a.status >= 300 && a.status < 400 || a.status >= 500 || (a.status < 300 && method != "HEAD" && method != "OPTIONS") {
				a.errorf("%s %s is answered with %d", method, path, a.status)
			}
			if a.header.Get("Cache-Control") != "no-store" {
				a.errorf("%s %s: Cache-Control is %q, want no-store", method, path, a.header.Get("Cache-Control"))
			}
		}
	}
}

// answersSlash asks for what frameworks like to redirect: the sender's Host would say
// where to, and a client would send its password there.
func answersSlash(t *T) {
	acc, s := t.member()
	for _, c := range []call{
		loginForm(acc.email, acc.password), post("/register", newAccount().registration()), me(s.access),
		refreshWith(s.refresh), forgot(acc.email), get("/sessions").as(s.access),
	} {
		for _, more := range []string{"/", "//"} {
			slashed := c
			slashed.path += more
			a := t.send(slashed).expect(c.path+more, http.StatusNotFound)
			if a.header.Get("Location") != "" || a.header.Get("Cache-Control") != "no-store" {
				a.errorf("%s%s is not answered by the module", c.path, more)
			}
		}
	}
}
