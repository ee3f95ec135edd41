// fastman: file keycloak only

//go:build fastman

package auth

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// served is an app of a test, in front of which the sign-in stands.
type served struct {
	*testing.T
	handler http.Handler
	auth    *Auth
}

func serve(t *testing.T, c KeycloakConfig) served {
	t.Helper()
	a, err := New(t.Context(), Config{Environment: "test", Keycloak: c}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	mux := http.NewServeMux()
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("hello " + KeycloakUserFrom(r.Context()).ID))
	})
	mux.Handle("GET /user", RequireUser(hello))
	mux.Handle("GET /staff", RequireRoles("staff", "admin")(hello))
	mux.Handle("GET /none", RequireRoles("staff", "owner")(hello))
	mux.Handle("GET /editor", RequireClientRoles("app", "editor")(hello))
	mux.Handle("GET /buyer", RequireUser(RequireClientRoles("app", "buyer")(hello)))
	mux.HandleFunc("GET /open", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /openapi.json", a.OpenAPI)
	return served{t, a.Middleware(mux), a}
}

// get asks, and ends the test when the status is another one.
func (s served) get(path, authorization string, status int) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != status {
		s.Errorf("GET %s: %d, want %d: %s", path, w.Code, status, w.Body)
	}
	return w
}

// Routes that ask for it are open to whoever has a token and the roles; others as before.
func TestGuards(t *testing.T) {
	realm := httptest.NewServer(newRealm(t))
	defer realm.Close()
	s := serve(t, KeycloakConfig{URL: realm.URL + "/", Realm: "test", ClientID: "app"})
	token := "Bearer " + goodToken().with("iss", realm.URL+"/realms/test").String()
	for path, status := range map[string]int{"/user": 200, "/staff": 200, "/none": 403, "/editor": 200, "/buyer": 403, "/open": 204, "/nowhere": 404, "/auth/nothing": 404} {
		s.get(path, token, status)
	}
	if body := s.get("/none", token, 403).Body.String(); body != `{"detail":"Forbidden"}` {
		t.Error(body)
	}
	unsigned := s.get("/user", "", 401)
	if unsigned.Body.String() != `{"detail":"Not authenticated"}` || unsigned.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%s %v", unsigned.Body, unsigned.Header())
	}
	s.get("/user", "Basic YTpi", 401)
	if body := s.get("/user", "Bearer garbage", 401).Body.String(); body != `{"detail":"Could not validate credentials"}` {
		t.Error(body)
	}
	me := s.get("/auth/me", token, 200)
	if !strings.HasPrefix(me.Body.String(), `{"id":"9c5f41d2","email":`) || me.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", me.Body, me.Header())
	}
	s.get("/auth/me", "", 401)
	if body := s.get("/openapi.json", "", 200).Body.String(); !strings.Contains(body, realm.URL+"/realms/test/protocol/openid-connect/auth") {
		t.Error(body)
	}
}

// Until a realm is set, protected routes say so, and the others work.
func TestNotConfigured(t *testing.T) {
	s := serve(t, KeycloakConfig{})
	s.get("/open", "", 204)
	for _, authorization := range []string{"", "Bearer " + goodToken().String()} {
		if body := s.get("/user", authorization, 503).Body.String(); body != `{"detail":"Sign-in with Keycloak is not configured"}` {
			t.Error(body)
		}
	}
}

// While Keycloak cannot be reached, protected routes say so and when to come again.
func TestNotAvailable(t *testing.T) {
	s := serve(t, KeycloakConfig{URL: "http://127.0.0.1:1", Realm: "test", ClientID: "app"})
	answer := s.get("/user", "Bearer "+goodToken().with("iss", "http://127.0.0.1:1/realms/test").String(), 503)
	if answer.Body.String() != `{"detail":"Sign-in with Keycloak is not available"}` || answer.Header().Get("Retry-After") != "10" {
		t.Errorf("%s %v", answer.Body, answer.Header())
	}
	s.get("/open", "", 204)
}

// A guard that is not below the middleware lets nobody in, and values that are unsafe stop
// the start.
func TestNeverOpen(t *testing.T) {
	w := httptest.NewRecorder()
	RequireUser(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 {
		t.Errorf("%d", w.Code)
	}
	_, err := LoadConfig(func(name string) string {
		return map[string]string{"KEYCLOAK_URL": "http://sso.example.com", "ENVIRONMENT": "staging"}[name]
	})
	if err == nil || !strings.HasPrefix(err.Error(), "KEYCLOAK_URL is not https") {
		t.Error(err)
	}
}
