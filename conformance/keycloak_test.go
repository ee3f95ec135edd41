package conformance_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"fastman/conformance"
	"fastman/conformance/standin"
	"fastman/internal/feature"
	"fastman/internal/testbed"
)

const realmFile = "../docs/development-realm.json"

// A new project takes the tokens of a real Keycloak and no others, whether it has other
// ways to sign in or not. While that server starts, a stand-in hangs and breaks.
func TestKeycloak(t *testing.T) {
	server := testbed.BeginKeycloak(t, realmFile)
	takesTokens(t, "fastapi", server, newFastAPI)
	takesTokens(t, "go", server, newGo)
	t.Run("fastapi in a browser", func(t *testing.T) { signsInBySwagger(t, server) })
	t.Run("the realm file", func(t *testing.T) { signsInDeveloper(t, server) })
}

// signsInDeveloper expects that the realm file, imported as docs/keycloak.md says, lets
// its developer in with what the app asks for.
func signsInDeveloper(t *testing.T, server *testbed.Keycloak) {
	server.Await(t)
	res, err := http.PostForm(server.URL+"/realms/"+standin.RealmName+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {standin.RealmClient}, "username": {"developer"}, "password": {"developer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the developer gets no token: %d, %v", res.StatusCode, err)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(answer.AccessToken, claims); err != nil {
		t.Fatal(err)
	}
	if audience, _ := claims.GetAudience(); !slices.Contains(audience, standin.RealmClient) || claims["typ"] != "Bearer" {
		t.Errorf("the token is for %v, of the type %v", audience, claims["typ"])
	}
}

func takesTokens(t *testing.T, stack string, server *testbed.Keycloak, create func(*testing.T, feature.Set, string) project) {
	t.Run(stack+" alone", func(t *testing.T) {
		app := create(t, onlyKeycloak, "")
		guarded := app.guard(t)
		t.Run("stand-in", func(t *testing.T) { app.keepsRealm(t, guarded, every, newRealm(t), newRealm(t), newRealm(t)) })
		t.Run("real", func(t *testing.T) { app.keepsRealm(t, guarded, fitsReal, realRealm(t, server)) })
	})
	t.Run(stack+" with all other types", func(t *testing.T) {
		app := create(t, whole, "sqlite:///./app.db")
		guarded, realm := app.guard(t), realRealm(t, server)
		maps.Copy(app.env, realm.Env())
		pass(t, fitsReal, app.lane(t, whole, conformance.Target{
			Realm: realm, Guarded: guarded, DB: openSQLite(t, app), Dialect: conformance.SQLite,
		}))
	})
}

var onlyKeycloak = feature.NewSet(feature.Keycloak)

// fitsReal are the cases of tokens. Faults and settings are those of the app, and shown
// with a stand-in.
func fitsReal(c conformance.Case) bool {
	return c.Type == feature.Keycloak && !slices.Contains(c.Needs, conformance.NeedBoot)
}

// besideRealm are all cases but those that break a realm of their own.
func besideRealm(c conformance.Case) bool {
	return !slices.Contains(c.Needs, conformance.NeedStandinRealm)
}

// keepsRealm runs cases of an app that has nothing but tokens of a realm, of which each
// lane has one.
func (p project) keepsRealm(t *testing.T, guarded *conformance.Guarded, cases func(conformance.Case) bool, realms ...*conformance.Realm) {
	var targets []conformance.Target
	for _, realm := range realms {
		p.env = maps.Clone(p.env)
		maps.Copy(p.env, realm.Env())
		server := p.Boot(t, p.env)
		targets = append(targets, conformance.Target{
			URL: server.URL, Set: onlyKeycloak, Realm: realm, Guarded: guarded, Output: server.Output, Boot: p.again,
		})
	}
	pass(t, cases, targets...)
}

// realmFor is the realm of apps with Keycloak in their set, nil for others.
func realmFor(t *testing.T, set feature.Set, apps ...project) *conformance.Realm {
	t.Helper()
	if !set.Has(feature.Keycloak) {
		return nil
	}
	realm := newRealm(t)
	for _, app := range apps {
		maps.Copy(app.env, realm.Env())
	}
	return realm
}

// newRealm is a realm played on this machine.
func newRealm(t *testing.T) *conformance.Realm {
	t.Helper()
	realm := playRealm(t)
	realm.Other = playRealm(t)
	return realm
}

func playRealm(t *testing.T) *conformance.Realm {
	t.Helper()
	played, err := standin.StartRealm(t.Context(), standin.Options{}, "")
	if err != nil {
		t.Fatal(err)
	}
	return conformance.StandinRealm(played)
}

// realRealm is a realm of a real server, and another one beside it.
func realRealm(t *testing.T, server *testbed.Keycloak) *conformance.Realm {
	t.Helper()
	server.Await(t)
	realm := makeRealm(t, server, newName())
	realm.Other = makeRealm(t, server, newName())
	return realm
}

func newName() string { return "test-" + strings.ToLower(rand.Text()[:8]) }

// makeRealm makes the realm of the realm file with what only tests need: a key that the
// test holds too, somebody without roles, and a client whose tokens are not for the app.
// What is after its name are more redirect addresses of the app.
func makeRealm(t *testing.T, server *testbed.Keycloak, name string, redirects ...string) *conformance.Realm {
	t.Helper()
	text, err := os.ReadFile(realmFile)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file["realm"] = name
	app := file["clients"].([]any)[0].(map[string]any)
	for _, address := range redirects {
		app["redirectUris"] = append(app["redirectUris"].([]any), address)
	}
	file["components"] = map[string]any{"org.keycloak.keys.KeyProvider": []any{
		keyProvider("rsa", map[string]string{"privateKey": base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key)), "algorithm": "RS256"}),
		keyProvider("hmac-generated", map[string]string{"algorithm": "HS512"}), keyProvider("aes-generated", nil),
		keyProvider("rsa-enc-generated", map[string]string{"algorithm": "RSA-OAEP"}),
	}}
	file["users"] = append(file["users"].([]any), map[string]any{
		"username": "somebody", "email": "somebody@example.com", "emailVerified": true, "firstName": "Some", "lastName": "Body", "enabled": true,
		"credentials": []any{map[string]any{"type": "password", "value": "somebody", "temporary": false}},
	})
	file["clients"] = append(file["clients"].([]any), map[string]any{
		"clientId": standin.OtherClient, "enabled": true, "publicClient": true, "standardFlowEnabled": false, "directAccessGrantsEnabled": true,
	})
	server.NewRealm(t, file)
	return &conformance.Realm{
		URL: server.URL, Name: name, ClientID: standin.RealmClient, ClientSecret: "a secret of the tests", Key: func() *rsa.PrivateKey { return key },
	}
}

// keyProvider is a component of a realm; what its settings hold are lists.
func keyProvider(kind string, settings map[string]string) map[string]any {
	config := map[string][]string{"priority": {"100"}, "enabled": {"true"}, "active": {"true"}}
	for name, value := range settings {
		config[name] = []string{value}
	}
	return map[string]any{"name": kind, "providerId": kind, "config": config}
}

// guard puts routes into a new project that ask for roles.
func (p project) guard(t *testing.T) *conformance.Guarded {
	t.Helper()
	if _, err := os.Stat(filepath.Join(p.Dir, "main.go")); err == nil {
		p.guardGo(t)
	} else {
		p.edit(t, "app/main.py", "app = FastAPI(", "from fastapi import Depends\nfrom app.core.keycloak import require_roles\n\napp = FastAPI(")
		p.edit(t, "app/main.py", "", `

@app.get("/for-admins", dependencies=[Depends(require_roles("admin"))])
async def for_admins() -> dict[str, bool]:
    return {"ok": True}


@app.get("/for-editors", dependencies=[Depends(require_roles("editor", client="app"))])
async def for_editors() -> dict[str, bool]:
    return {"ok": True}
`)
	}
	return &conformance.Guarded{Admins: "//for-admins", Editors: "//for-editors"}
}

func (p project) guardGo(t *testing.T) {
	t.Helper()
	p.edit(t, "main.go", "\tdefer authn.Close()\n", "\tdefer authn.Close()\n\tguard(mux, authn)\n")
	file := `package main

import (
	"net/http"

	"shop/internal/auth"
)

func guard(mux *http.ServeMux, authn *auth.Auth) {
	ok := http.HandlerFunc(health)
	mux.HandleFunc("GET /openapi.json", authn.OpenAPI)
	mux.Handle("GET /for-admins", auth.RequireRoles("admin")(ok))
	mux.Handle("GET /for-editors", auth.RequireClientRoles("app", "editor")(ok))
}
`
	if err := os.WriteFile(filepath.Join(p.Dir, "guard.go"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	buildGo(t, p.Dir)
}

// edit replaces what stands once in a file of the project; "" is its end.
func (p project) edit(t *testing.T, file, old, text string) {
	t.Helper()
	path := filepath.Join(p.Dir, filepath.FromSlash(file))
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := string(source) + text
	if old != "" {
		changed = strings.Replace(string(source), old, text, 1)
	}
	if changed == string(source) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}
