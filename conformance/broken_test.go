package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"fastman/conformance"
)

// An app that gives one answer to everything passes no case.
func TestNoCasePassesWithoutAnApp(t *testing.T) {
	providers, realm := newProviders(t, whole), newRealm(t)
	for _, status := range []int{200, 201, 302, 303, 400, 401, 403, 404, 405, 422, 500, 502} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"detail":"always the same"}`))
		}))
		target := conformance.Target{URL: server.URL, Set: whole, Secret: testSecret, Providers: providers, Realm: realm}
		for result := range conformance.Run(t.Context(), target, nil) {
			if result.Outcome == conformance.Passed {
				t.Errorf("%s passes although every answer is %d", result.Case.Name, status)
			}
		}
		server.Close()
	}
}

// defect is a fault that a proxy builds into a good app.
type defect struct {
	name   string
	caught string // the cases that must see it
	ask    func(*http.Request, *traffic)
	answer func(*http.Response, *traffic)
	// reply answers in place of the app, where it is not nil and returns true.
	reply func(http.ResponseWriter, *http.Request, *traffic) bool
}

// traffic is what a proxy knows of the requests so far.
type traffic struct {
	mu     sync.Mutex
	token  string          // the last access token
	known  map[string]bool // e-mails that were registered
	atOnce int

	attempts  []string // cookies of sign-ins under way
	issuer    string   // of the OpenID provider
	exchanged *httptest.ResponseRecorder

	accepted string // the last Authorization that was good for /me
}

var defects = []defect{
	{
		name: "any token will do",
		caught: `^token/(every|exp|issuer|typ|one|kid|headers|crit|any|sub|sid|json|over)|^token/iat` +
			`|^keys/(nothing|the-mask|a-refresh)|^me/(garbage|a-deleted-session)`,
		ask: func(r *http.Request, seen *traffic) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "B") {
				r.Header.Set("Authorization", "Bearer "+seen.token)
			}
		},
	},
	{
		name: "no token will do", caught: `^me/(answers|reads-the)|^token/(exp|iat|unknown)|^load/64`,
		ask: func(r *http.Request, _ *traffic) { r.Header.Del("Authorization") },
	},
	{
		name: "caches may store answers", caught: `^answers/are-not-stored`,
		answer: func(r *http.Response, _ *traffic) { r.Header.Set("Cache-Control", "private") },
	},
	{
		name: "no challenge", caught: `^answers/a-401|^me/(without|garbage)|^login/wrong`,
		answer: func(r *http.Response, _ *traffic) { r.Header.Del("WWW-Authenticate") },
	},
	{
		name: "a refusal repeats the input", caught: `^answers/a-422|^password/refusals`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusUnprocessableEntity {
				setBody(r, `{"detail":[{"loc":["body","password"],"type":"x","msg":"x","input":"x"}]}`)
			}
		},
	},
	{
		name: "an unknown user is answered at once", caught: `^timing/unknown`,
		reply: func(w http.ResponseWriter, r *http.Request, seen *traffic) bool {
			name := loginName(r)
			if name == "" || seen.known[name] {
				return false
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
	},
	{
		name: "an unknown user is told so", caught: `^login/failures`,
		answer: func(r *http.Response, seen *traffic) {
			if name := loginName(r.Request); name != "" && !seen.known[name] {
				setBody(r, `{"detail":"No such user"}`)
			}
		},
	},
	{
		name: "passwords are cut at 72 bytes", caught: `^password/is-not-cut|^password/at-most`,
		ask: changePassword(func(p string) string { return p[:min(len(p), 72)] }),
	},
	{
		name: "passwords are small letters", caught: `^password/is-compared`,
		ask: changePassword(strings.ToLower),
	},
	{
		name: "passwords are trimmed", caught: `^password/is-compared`,
		ask: changePassword(strings.TrimSpace),
	},
	{
		name: "the last of two keys wins, in any case", caught: `^malformed/(twofold|keys)`,
		ask: func(r *http.Request, _ *traffic) {
			var fields map[string]any
			if json.Unmarshal(readBody(r), &fields) != nil {
				return
			}
			lower := map[string]any{}
			for name, value := range fields {
				lower[strings.ToLower(name)] = value
			}
			body, _ := json.Marshal(lower)
			setRequestBody(r, body)
		},
	},
	{
		name: "bad input breaks the app", caught: `^malformed/(twofold|keys|json|bodies|values|forms)|^register/(needs|refuses)|^password/(nul|lone)|^identity/a-username`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusUnprocessableEntity {
				r.StatusCode = http.StatusInternalServerError
			}
		},
	},
	{
		name: "more than 20 at once are too many", caught: `^load/64`,
		reply: func(w http.ResponseWriter, _ *http.Request, seen *traffic) bool {
			if seen.atOnce > 20 {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return seen.atOnce > 20
		},
	},
	{
		name: "a taken name breaks the app", caught: `^identity/.*unique|^register/(races|twenty)`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusConflict {
				r.StatusCode = http.StatusInternalServerError
			}
		},
	},
}

// Each fault that is built into a good app is seen by the cases that are there
// for it.
func TestDefectsAreCaught(t *testing.T) {
	app := template(t, "sqlite:///./app.db")
	providers, realm := newProviders(t, whole, app), realmFor(t, whole, app)
	server := app.Boot(t, app.env)
	db := openSQLite(t, app)
	for _, d := range slices.Concat(defects, oauthDefects, passkeyDefects, keycloakDefects) {
		t.Run(d.name, func(t *testing.T) {
			target := conformance.Target{
				URL: d.inFrontOf(t, server.URL), Set: whole, Secret: testSecret, Providers: providers, Realm: realm,
				DB: db, Dialect: conformance.SQLite,
				Boot: func(ctx context.Context, env map[string]string) (*conformance.Instance, error) {
					instance, err := app.again(ctx, env)
					if err == nil {
						instance.URL = d.inFrontOf(t, instance.URL)
					}
					return instance, err
				},
			}
			d.isCaught(t, target)
		})
	}
}

func (d defect) isCaught(t *testing.T, target conformance.Target) {
	wanted, cases := regexp.MustCompile(d.caught), 0
	matches := func(c conformance.Case) bool { return wanted.MatchString(c.Name) }
	for result := range conformance.Run(t.Context(), target, matches) {
		cases++
		if result.Outcome != conformance.Failed {
			t.Errorf("%s: %s %s", result.Case.Name, result.Outcome, result.Detail)
		}
	}
	if cases == 0 {
		t.Errorf("%q matches no case", d.caught)
	}
}

// inFrontOf starts a proxy with the defect and returns its address.
func (d defect) inFrontOf(t *testing.T, app string) string {
	base, err := url.Parse(app)
	if err != nil {
		t.Fatal(err)
	}
	seen := &traffic{known: map[string]bool{}}
	proxy := httputil.NewSingleHostReverseProxy(base)
	proxy.ModifyResponse = func(r *http.Response) error {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.learn(r)
		if d.answer != nil {
			d.answer(r, seen)
		}
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.before(w, r, seen) {
			proxy.ServeHTTP(w, r)
		}
		seen.mu.Lock()
		seen.atOnce--
		seen.mu.Unlock()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// before changes or answers a request; it is true when the app need not see it.
func (d defect) before(w http.ResponseWriter, r *http.Request, seen *traffic) bool {
	seen.mu.Lock()
	defer seen.mu.Unlock()
	seen.atOnce++
	readBody(r)
	if d.ask != nil {
		d.ask(r, seen)
	}
	return d.reply != nil && d.reply(w, r, seen)
}

// learn notes new accounts and tokens.
func (seen *traffic) learn(r *http.Response) {
	body := readAll(r)
	var fields struct {
		Email       string
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal(body, &fields)
	if fields.AccessToken != "" {
		seen.token = fields.AccessToken
	}
	if r.StatusCode == http.StatusCreated {
		seen.known[fields.Email] = true
	}
}

// readAll leaves the body to be read again.
func readAll(r *http.Response) []byte {
	body, _ := io.ReadAll(r.Body)
	setBody(r, string(body))
	return body
}

func setBody(r *http.Response, body string) {
	r.Body = io.NopCloser(strings.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// readBody leaves the body to be read again, also once the request was sent on.
func readBody(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	setRequestBody(r, body)
	return body
}

func setRequestBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// loginName is the username of a login form, "" for any other request.
func loginName(r *http.Request) string {
	if !strings.HasSuffix(r.URL.Path, "/login") {
		return ""
	}
	again, _ := r.GetBody()
	body, _ := io.ReadAll(again)
	form, _ := url.ParseQuery(string(body))
	return form.Get("username")
}

// changePassword rewrites the password of registrations and of login forms.
func changePassword(change func(string) string) func(*http.Request, *traffic) {
	return func(r *http.Request, _ *traffic) {
		body := readBody(r)
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err == nil {
			if password, ok := fields["password"].(string); ok {
				fields["password"] = change(password)
			}
			body, _ = json.Marshal(fields)
		} else if form, err := url.ParseQuery(string(body)); err == nil && form.Has("password") {
			form.Set("password", change(form.Get("password")))
			body = []byte(form.Encode())
		}
		setRequestBody(r, body)
	}
}
