// Package templates holds the running apps that fastman cuts and emits, and says
// which of their files and packages belong to what.
package templates

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	"fastman/internal/feature"
)

// The folders are named one by one: a virtual environment or a cache beside them
// must not end in the binary.
//
//go:embed goapp/main.go goapp/auth.go goapp/auth_keycloak.go all:goapp/internal all:goapp/new
//go:embed all:fastapi/app all:fastapi/alembic all:fastapi/tests all:fastapi/variants all:fastapi/new fastapi/alembic.ini
var files embed.FS

// Library is a stock of templates with all that belongs to them. The one that is built
// in is Builtin; tests make others, for the types and versions of tomorrow.
type Library struct {
	Version   string // of the generated code: it changes with every change that an install would notice
	Types     []feature.Type
	Providers []feature.Provider
	Packages  []Package  // of FastAPI code
	Modules   []Module   // of Go code; the router is the app's own
	Variables []Variable // of env files, in their order
	Files     fs.FS      // a folder for each stack
}

// Builtin returns the templates that fastman is built with.
func Builtin() *Library {
	return &Library{Version: version, Types: []feature.Type{feature.JWT, feature.OAuth, feature.Keycloak, feature.Passkey}, Providers: feature.Providers, Packages: packages, Modules: modules, Variables: variables, Files: files}
}

const version = "0.1.0"

// Package is a dependency of generated FastAPI code.
type Package struct {
	Name   string // as on the package index
	Extras string // "binary" for name[binary]
	Spec   string // PEP 440 bounds: the oldest release whose API the code uses
	Dev    bool   // needed by the emitted tests only
	For    string // condition on the set; "" is any

	Imports []string // its modules
	Words   []string // names of other packages that work only with this one
}

var packages = []Package{
	{Name: "fastapi", Spec: ">=0.100", Imports: []string{"fastapi"}},
	{Name: "pydantic-settings", Spec: ">=2.2", Imports: []string{"pydantic_settings"}},
	{Name: "sqlalchemy", Spec: ">=2.0.30", For: stored, Imports: []string{"sqlalchemy"}},
	{Name: "alembic", Spec: ">=1.13", For: stored, Imports: []string{"alembic"}},
	{Name: "psycopg", Extras: "binary", Spec: ">=3.2", For: stored, Imports: []string{"psycopg"},
		Words: []string{"postgresql+psycopg", "postgresql+psycopg_async"}},
	{Name: "pyjwt", Spec: ">=2.10", For: stored, Imports: []string{"jwt"}},
	{Name: "bcrypt", Spec: ">=4.1", For: "jwt", Imports: []string{"bcrypt"}, Words: []string{`"bcrypt"`, "'bcrypt'"}},
	{Name: "argon2-cffi", Spec: ">=23.1", For: "jwt", Imports: []string{"argon2"}, Words: []string{`"argon2"`, "'argon2'"}},
	// Authlib brings cryptography, with which PyJWT reads ID tokens.
	{Name: "authlib", Spec: ">=1.3", For: "oauth", Imports: []string{"authlib"}},
	// What comes with it verifies signatures and does its calls.
	{Name: "fastapi-keycloak-middleware", Spec: ">=2,<3", For: "keycloak", Imports: []string{"fastapi_keycloak_middleware"}},
	{Name: "jwcrypto", Spec: ">=1.5", For: "keycloak", Imports: []string{"jwcrypto"}},
	{Name: "httpx", Spec: ">=0.27", For: "oauth or keycloak", Imports: []string{"httpx"}, Words: []string{"TestClient"}},
	{Name: "email-validator", Spec: ">=2.1", For: stored, Imports: []string{"email_validator"}, Words: []string{"EmailStr", "NameEmail", "validate_email"}},
	{Name: "python-multipart", Spec: ">=0.0.18", For: "jwt", Imports: []string{"python_multipart", "multipart"},
		Words: []string{"Form(", "File(", "UploadFile", "OAuth2PasswordRequestForm", "OAuth2PasswordRequestFormStrict", "form("}},
	{Name: "webauthn", Spec: ">=3", For: "passkey", Imports: []string{"webauthn"}},
	{Name: "pytest", Spec: ">=8", Dev: true, Imports: []string{"pytest", "_pytest"}},
	{Name: "httpx", Spec: ">=0.27", Dev: true, Imports: []string{"httpx"}, Words: []string{"TestClient"}},
}

// GoVersion is the oldest release of Go that the packages of the Go code allow.
const GoVersion = "1.26.0"

// Module is a dependency of the Go code, in the version that it is tested with.
type Module struct {
	Path     string
	Version  string
	Packages []string // that are imported, below Path; "" is Path itself
	For      string   // condition on the set; "" is any
}

var modules = []Module{
	{Path: "github.com/coreos/go-oidc/v3", Version: "v3.21.0", Packages: []string{"oidc"}, For: "google or oidc or keycloak"},
	{Path: "github.com/go-jose/go-jose/v4", Version: "v4.1.4", Packages: []string{""}, For: "keycloak"},
	{Path: "github.com/go-webauthn/webauthn", Version: "v0.18.2", Packages: []string{"protocol", "protocol/webauthncbor", "protocol/webauthncose"}, For: "passkey"},
	{Path: "github.com/golang-jwt/jwt/v5", Version: "v5.3.1", Packages: []string{""}, For: stored},
	{Path: "github.com/jackc/pgx/v5", Version: "v5.12.0", Packages: []string{"pgconn", "stdlib"}, For: stored},
	{Path: "github.com/joho/godotenv", Version: "v1.5.1", Packages: []string{""}},
	{Path: "github.com/pressly/goose/v3", Version: "v3.29.0", Packages: []string{""}, For: stored},
	{Path: "golang.org/x/crypto", Version: "v0.58.0", Packages: []string{"bcrypt", "argon2"}, For: "jwt"},
	{Path: "golang.org/x/net", Version: "v0.62.0", Packages: []string{"idna"}, For: stored},
	{Path: "golang.org/x/oauth2", Version: "v0.38.0", Packages: []string{""}, For: "oauth"},
	{Path: "golang.org/x/text", Version: "v0.43.0", Packages: []string{"cases", "unicode/norm"}, For: stored},
	{Path: "modernc.org/sqlite", Version: "v1.62.0", Packages: []string{""}, For: stored},
}

// Variable is a line of the env files. What is different in each file, the name of the
// environment and the key, is made at install and has no value here; so is the app's name.
type Variable struct {
	Name    string
	Value   string
	Example string // in .env.example; "" is Value
	For     string // condition on the set; "" is any
}

const stored = "jwt or oauth or passkey" // types that keep users and sessions

var variables = []Variable{
	{Name: "ENVIRONMENT", Example: "production"},
	{Name: "SECRET_KEY", Example: "your-secret-key-here", For: stored},
	{Name: "DATABASE_URL", Value: "sqlite:///./app.db", For: stored},
	{Name: "ACCESS_TOKEN_EXPIRE_MINUTES", Value: "30", For: "jwt"},
	{Name: "OAUTH_CLIENT_ID", Value: "your-client-id", For: "oauth"},
	{Name: "OAUTH_CLIENT_SECRET", Value: "your-client-secret", For: "oauth"},
	{Name: "OAUTH_GOOGLE_CLIENT_ID", Value: "your-client-id", For: "google"},
	{Name: "OAUTH_GOOGLE_CLIENT_SECRET", Value: "your-client-secret", For: "google"},
	{Name: "OAUTH_GITHUB_CLIENT_ID", Value: "your-client-id", For: "github"},
	{Name: "OAUTH_GITHUB_CLIENT_SECRET", Value: "your-client-secret", For: "github"},
	{Name: "OAUTH_DISCORD_CLIENT_ID", Value: "your-client-id", For: "discord"},
	{Name: "OAUTH_DISCORD_CLIENT_SECRET", Value: "your-client-secret", For: "discord"},
	{Name: "OAUTH_OIDC_CLIENT_ID", Value: "your-client-id", For: "oidc"},
	{Name: "OAUTH_OIDC_CLIENT_SECRET", Value: "your-client-secret", For: "oidc"},
	{Name: "OAUTH_OIDC_ISSUER", Value: "https://your-issuer.example.com", For: "oidc"},
	{Name: "PASSKEY_RP_ID", Value: "localhost", For: "passkey"},
	{Name: "PASSKEY_RP_NAME", For: "passkey"},
	{Name: "PASSKEY_ORIGIN", Value: "http://localhost:8000", For: "passkey"},
	{Name: "PASSKEY_SESSION_EXPIRE_MINUTES", Value: "60", For: "passkey"},
	{Name: "KEYCLOAK_URL", Value: "https://keycloak.example.com", For: "keycloak"},
	{Name: "KEYCLOAK_REALM", Value: "my-realm", For: "keycloak"},
	{Name: "KEYCLOAK_CLIENT_ID", Value: "my-client", For: "keycloak"},
	{Name: "KEYCLOAK_CLIENT_SECRET", Value: "your-secret", For: "keycloak"},
}

// UnusedClient begins the variables of a client that a set has no use for: the first
// provider's is OAUTH_CLIENT_ID, without its name, and nobody's when it has gone. "" is a
// set without providers.
func UnusedClient(set feature.Set) string {
	switch {
	case !set.Has(feature.OAuth):
		return ""
	case set.HasProvider(set.First()):
		return "OAUTH_" + strings.ToUpper(string(set.First())) + "_CLIENT_"
	}
	return "OAUTH_CLIENT_"
}

// All is the set with everything on offer.
func (l *Library) All() feature.Set {
	return feature.NewSet().Plus(l.Types, l.Providers).WithUI(true)
}

// PackagesOf returns what the FastAPI code of a set imports.
func (l *Library) PackagesOf(set feature.Set) []Package {
	all := of(set, l.Packages, func(p Package) string { return p.For })
	return slices.DeleteFunc(slices.Clone(all), func(p Package) bool { // the app's own are there for its tests, too
		return p.Dev && slices.ContainsFunc(all, func(o Package) bool { return o.Name == p.Name && !o.Dev })
	})
}

// ModulesOf returns what the Go code of a set imports.
func (l *Library) ModulesOf(set feature.Set) []Module {
	return of(set, l.Modules, func(m Module) string { return m.For })
}

// VariablesOf returns what the env files of a set hold.
func (l *Library) VariablesOf(set feature.Set) []Variable {
	unused := UnusedClient(set)
	return slices.DeleteFunc(of(set, l.Variables, func(v Variable) string { return v.For }), func(v Variable) bool {
		return unused != "" && strings.HasPrefix(v.Name, unused)
	})
}

func of[E any](set feature.Set, all []E, condition func(E) string) []E {
	var some []E
	for _, e := range all {
		if holds, err := set.Holds(condition(e)); holds && err == nil && !set.Empty() {
			some = append(some, e)
		}
	}
	return some
}

// Read returns one template file, by its path below the stack's folder.
func (l *Library) Read(stack, name string) ([]byte, error) {
	return fs.ReadFile(l.Files, path.Join(stack, name))
}

// Tree lists the template files below a folder of a stack, sorted.
func (l *Library) Tree(stack, folder string) ([]string, error) {
	var names []string
	err := fs.WalkDir(l.Files, path.Join(stack, folder), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "__pycache__" {
			return fs.SkipDir
		}
		if !d.IsDir() {
			names = append(names, strings.TrimPrefix(p, stack+"/"))
		}
		return nil
	})
	sort.Strings(names)
	return names, err
}
