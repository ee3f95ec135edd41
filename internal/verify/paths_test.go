package verify

import (
	"path"
	"slices"
	"strings"
	"testing"

	"fastman/conformance"
	"fastman/internal/install"
	"fastman/templates"
)

// Whatever of the routes somebody moves is found: those of both stacks are the same, and
// each has a handler.
func TestRoutesAreRead(t *testing.T) {
	all := map[string][]string{}
	for stack, folder := range map[string]string{"fastapi": "fastapi", "go": "goapp"} {
		for _, r := range emitted(asEmitted(t, stack, folder)) {
			if r.Name == "" {
				t.Errorf("%s: %s has no handler", stack, r)
			}
			if !slices.Contains(all[stack], r.String()) {
				all[stack] = append(all[stack], r.String())
			}
		}
		slices.Sort(all[stack])
	}
	// FastAPI's handler of all providers is that of keycloak, too.
	all["go"] = slices.DeleteFunc(all["go"], func(r string) bool { return r == "DELETE /providers/keycloak" })
	if len(all["go"]) < 30 || !slices.Equal(all["fastapi"], all["go"]) {
		t.Errorf("FastAPI has\n%s\nand Go\n%s", strings.Join(all["fastapi"], "\n"), strings.Join(all["go"], "\n"))
	}
}

// asEmitted is a project that is the template.
func asEmitted(t *testing.T, stack, folder string) *install.Installation {
	t.Helper()
	i := &install.Installation{Stack: stack, Prefix: "/auth", Emitted: map[string]string{}}
	names, err := templates.Builtin().Tree(folder, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if path.Dir(name) != "app/features/auth" && path.Dir(name) != "internal/auth" {
			continue
		}
		text, err := templates.Builtin().Read(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		i.Emitted[name] = string(text)
	}
	return i
}

// Where handlers answer is where their routes are asked for; what is gone, and what may be
// anywhere, is told.
func TestFit(t *testing.T) {
	at := func(method, path, name string) route { return route{method, path, "app.auth.router", name} }
	was := []route{
		at("POST", "/login", "login"), at("GET", "/me", "me"), at("DELETE", "/sessions/{}", "end_session"), at("POST", "/refresh", "refresh"),
		at("POST", "/logout", "logout"), at("GET", "/sessions", "sessions"),
	}
	m := fit(was, []route{
		at("POST", "/account/sign-in", "login"), at("GET", "/account/me", "me"), at("DELETE", "/account/devices/{}", "end_session"),
		at("POST", "/account/refresh", "renew"), at("POST", "/account/sign-out", "sign_out"), {"GET", "/me", "app.users", "sessions"},
	}, "/auth")
	if m.prefix != "/account" {
		t.Errorf("the prefix is %q", m.prefix)
	}
	for asked, want := range (conformance.Paths{
		"POST /login": "/account/sign-in", "GET /me": "/account/me", "DELETE /sessions/{}": "/account/devices/{}",
		"POST /refresh": "/account/refresh", // by another handler
		"POST /logout":  "", "GET /sessions": "",
	}) {
		if have, known := m.paths[asked]; have != want || !known {
			t.Errorf("%s is at %q, want %q", asked, have, want)
		}
	}
	if len(m.lost) != 1 || m.lost["POST /logout"].likely.Name != "sign_out" {
		t.Errorf("lost are %v", m.lost)
	}
	both := []route{{"GET", "/me", "", "getMe"}, {"GET", "/passkey/me", "", "getMe"}, {"GET", "/login", "", "getLogin"}, {"GET", "/login/{}", "", "getLogin"}}
	m = fit(both, []route{{"GET", "/auth/profile", "", "getMe"}, {"GET", "/auth/passkey/me", "", "getMe"}, {"GET", "/auth/with/{}", "", "getLogin"}, {"GET", "/auth/login", "", "getLogin"}}, "/auth")
	if m.paths["GET /me"] != "/auth/profile" || m.paths["GET /passkey/me"] != "/auth/passkey/me" || m.paths["GET /login/{}"] != "/auth/with/{}" || m.paths["GET /login"] != "/auth/login" {
		t.Errorf("of one handler's routes %v", m.paths)
	}
	if fit(was, []route{{"GET", "/me", "app.users", "me"}}, "/auth") != nil {
		t.Error("a handler of the app's own passes for one of the sign-in")
	}
}
