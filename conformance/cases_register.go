package conformance

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"fastman/internal/feature"
)

// userFields are all fields of a User answer.
var userFields = []string{
	"id", "email", "username", "name", "avatar_url", "is_active", "is_superuser",
	"is_verified", "oauth_provider", "created_at",
}

var registerCases = []Case{
	{
		Name: "register/answers-201-with-the-user", Section: "jwt: POST /register",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.3.2"}, Run: registerAnswersUser,
	},
	{
		Name: "register/does-not-need-a-username", Section: "jwt: username?",
		Type: feature.JWT, Run: registerWithoutUsername,
	},
	{
		Name: "register/needs-email-and-password", Section: "jwt: POST /register",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.5.21"}, Run: registerNeedsFields,
	},
	{
		Name: "register/takes-json-only", Section: "jwt: POST /register",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.5.16"}, Run: registerTakesJSON,
	},
	{
		Name: "register/sets-nothing-but-its-three-fields", Section: "jwt: POST /register",
		Type: feature.JWT, Run: registerIgnoresOtherFields,
	},
	{
		Name: "register/refuses-what-is-no-address", Section: "jwt: POST /register",
		Type: feature.JWT, RFC: []string{"RFC 5321 4.1.2"}, Run: registerRefusesAddresses,
	},
	{
		Name: "register/does-not-sign-in", Section: "jwt: POST /register",
		Type: feature.JWT, ASVS: []string{"7.6.2"}, Run: registerDoesNotSignIn,
	},
	{
		Name: "register/races-end-as-409", Section: "Identity: Races end as 409, never 500",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.5.10"}, Run: registerRace,
	},
	{
		Name: "register/twenty-at-once-make-one", Section: "Identity: Races end as 409, never 500",
		Type: feature.JWT, RFC: []string{"RFC 9110 15.5.10"}, Run: registerTwentyAtOnce,
	},
}

func registerAnswersUser(t *T) {
	acc := newAccount()
	a := t.send(post("/register", acc.registration())).want(http.StatusCreated)
	fields := a.exactly(userFields...)
	wantUser(a, fields, acc)
	if strings.Contains(string(a.body), acc.password) {
		a.errorf("the answer holds the password")
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		a.errorf("Content-Type is not application/json")
	}
}

// wantUser compares a User answer with a plain new account.
func wantUser(a *answer, fields map[string]any, acc account) {
	for name, value := range map[string]any{
		"email": acc.email, "username": acc.username, "name": nil, "avatar_url": nil,
		"is_active": true, "is_superuser": false, "is_verified": false, "oauth_provider": nil,
	} {
		if fields[name] != value {
			a.errorf("%s is %v, want %v", name, fields[name], value)
		}
	}
	id, _ := fields["id"].(json.Number)
	if n, err := id.Int64(); err != nil || n < 1 {
		a.errorf("id is %v, want a positive integer", fields["id"])
	}
	text, _ := fields["created_at"].(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if age := time.Since(at); err != nil || age > time.Hour || age < -time.Hour {
		a.errorf("created_at is %v, want the time of now with its offset from UTC", fields["created_at"])
	}
	if _, offset := at.Zone(); offset != 0 {
		a.errorf("created_at is %v, want UTC", text)
	}
}

func registerWithoutUsername(t *T) {
	for range 2 { // two accounts without one do not collide
		acc := newAccount()
		fields := map[string]any{"email": acc.email, "password": acc.password}
		a := t.send(post("/register", fields)).want(http.StatusCreated)
		if username, there := a.object()["username"]; !there || username != nil {
			a.errorf("username is %v, want null", username)
		}
	}
	acc := newAccount()
	fields := acc.registration()
	fields["username"] = nil
	t.send(post("/register", fields)).want(http.StatusCreated)
}

func registerNeedsFields(t *T) {
	for _, name := range []string{"email", "password"} {
		fields := newAccount().registration()
		delete(fields, name)
		a := t.send(post("/register", fields)).expect("without "+name, 422)
		a.wantLocated("body", name)
		for _, value := range []any{nil, 1, true, []string{"x"}, map[string]string{}, ""} {
			fields[name] = value
			t.send(post("/register", fields)).expect(name+" of a wrong type", 422)
		}
	}
}

func registerTakesJSON(t *T) {
	acc := newAccount()
	form := postForm("/register", "email", acc.email, "password", acc.password)
	t.send(form).expect("a form", 422, 415)
	text := post("/register", acc.registration()).with("Content-Type", "text/plain")
	t.send(text).expect("JSON that says it is text", 422, 415)
	t.send(post("/register", acc.registration()).with("Content-Type", "application/json; charset=utf-8")).
		expect("JSON that names its charset", 201)
}

func registerIgnoresOtherFields(t *T) {
	acc := newAccount()
	fields := acc.registration()
	for name, value := range map[string]any{
		"id": 999_999_999, "is_superuser": true, "is_active": false, "is_verified": true,
		"email_verified_at": "2020-01-01T00:00:00Z", "hashed_password": "x", "name": "Mallory",
		"oauth_provider": "google", "created_at": "2001-01-01T00:00:00Z", "email_key": "x",
		"avatar_url": "https://example.com/x", "webauthn_handle": "x", "roles": []string{"admin"},
	} {
		fields[name] = value
	}
	a := t.send(post("/register", fields)).want(http.StatusCreated)
	user := a.exactly(userFields...)
	wantUser(a, user, acc)
	if user["id"] == json.Number("999999999") {
		a.errorf("the client chose the id")
	}
}

func registerRefusesAddresses(t *T) {
	long := strings.Repeat("a", 321)
	for _, email := range []string{
		"plain", "@example.com", "a@", "a@@example.com", "a b@example.com", "a@exa mple.com",
		"Alice <alice@example.com>", "a@example.com\n", "a@example.com\nBcc: b@example.com",
		"a@example.com\u0000", "a@example.com,b@example.com", "=?utf-8?q?b=40evil.example=2C?=@example.com", "a@-example.com", "a@example..com",
		".a@example.com", "a..b@example.com", long + "@example.com", "a@" + long + ".com",
	} {
		fields := newAccount().registration()
		fields["email"] = email
		a := t.send(post("/register", fields)).expect(quoted(email), 422)
		if a.status == 422 {
			a.wantLocated("body", "email")
		}
	}
}

func registerDoesNotSignIn(t *T) {
	a := t.send(post("/register", newAccount().registration())).want(http.StatusCreated)
	a.exactly(userFields...)
	for _, name := range []string{"Set-Cookie", "Authorization"} {
		if a.header.Get(name) != "" {
			a.errorf("the answer carries %s", name)
		}
	}
}

func registerRace(t *T) {
	for range 8 {
		first, second := newAccount(), newAccount()
		second.email = strings.ToUpper(first.email)
		wantOneWinner(t, t.together([]call{
			post("/register", first.registration()), post("/register", second.registration()),
		}))
		first, second = newAccount(), newAccount()
		second.username = strings.ToUpper(first.username)
		wantOneWinner(t, t.together([]call{
			post("/register", first.registration()), post("/register", second.registration()),
		}))
	}
}

func registerTwentyAtOnce(t *T) {
	calls := make([]call, 20)
	body := newAccount().registration()
	for i := range calls {
		calls[i] = post("/register", body)
	}
	wantOneWinner(t, t.together(calls))
}

// wantOneWinner expects one 201; everybody else hears 409, or 503 where the queue
// for hashing is full.
func wantOneWinner(t *T, answers []*answer) {
	made := 0
	for _, a := range answers {
		if a.err != nil {
			t.Errorf("a registration got no answer: %v", a.err)
			continue
		}
		a.expect("one of registrations at once", 201, 409, 503)
		if a.status == http.StatusCreated {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d of %d registrations of the same name were answered 201, want 1", made, len(answers))
	}
}
