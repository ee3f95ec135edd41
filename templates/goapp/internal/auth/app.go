// fastman: file keycloak only

//go:build fastman

// Package auth lets the users of a realm of Keycloak use this app. It keeps nothing of
// them: their tokens say who they are.
//
// New makes the handler. Its Middleware serves the endpoint /me and lets RequireUser and
// the other guards know who is asking:
//
//	mux.Handle("GET /orders", auth.RequireUser(orders))
//	http.ListenAndServe(":8000", authn.Middleware(mux))
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// Config is what authentication is told by its app. The zero value of a field stands for
// its default.
type Config struct {
	// Environment is development, test or production. Anything else, also nothing,
	// counts as production, where unsafe values stop the start.
	Environment string

	// Prefix is the path that the endpoint stands under. The default is "/auth".
	Prefix string

	Keycloak KeycloakConfig
}

// LoadConfig reads the variables of the environment by the names that README.md lists. It
// refuses values that are unsafe, and says what to do.
func LoadConfig(getenv func(string) string) (Config, error) {
	return Config{Environment: getenv("ENVIRONMENT"), Keycloak: loadKeycloak(getenv)}.complete()
}

// complete fills in the defaults, and refuses what must not run.
func (c Config) complete() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = "/auth"
	}
	if c.Prefix = "/" + strings.Trim(c.Prefix, "/"); c.Prefix == "/" {
		return c, errors.New("the prefix has no path\nset it to one, such as /auth")
	}
	return c, c.Keycloak.check(c.Environment != "development" && c.Environment != "test")
}

// Auth is the sign-in of an app. It is safe for concurrent use.
type Auth struct {
	config   Config
	log      *slog.Logger
	keycloak *keycloak
}

// New makes the sign-in of an app, and begins to fetch the keys of the realm. It refuses
// a config that is unsafe.
func New(ctx context.Context, c Config, log *slog.Logger) (*Auth, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	a := &Auth{config: c, log: log}
	if a.keycloak, err = newKeycloak(ctx, c.Keycloak, log); err != nil {
		return nil, err
	}
	a.keycloak.start()
	return a, nil
}

// Close ends what is being fetched.
func (a *Auth) Close() { a.keycloak.keys.close() }

// ServeHTTP answers the endpoint, and 404 for every other path.
func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, errNotFound) })).ServeHTTP(w, r)
}

// Middleware serves the endpoint, and hands every other request on to next, where the
// guards of this package work: RequireUser and its like.
func (a *Auth) Middleware(next http.Handler) http.Handler {
	routes := a.endpoints()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(withVisit(r.Context(), visit{auth: a}))
		path, below := strings.CutPrefix(r.URL.Path, a.config.Prefix)
		methods, ours := routes[path]
		switch {
		case !below || !ours:
			next.ServeHTTP(w, r)
		case methods[r.Method] == nil:
			w.Header().Set("Allow", http.MethodGet)
			refuse(w, errNotAllowed)
		default:
			methods[r.Method].ServeHTTP(w, r)
		}
	})
}

// endpoints are named by their paths below the prefix.
func (a *Auth) endpoints() map[string]map[string]http.Handler {
	return map[string]map[string]http.Handler{
		"/me": {http.MethodGet: RequireUser(http.HandlerFunc(getMe))},
	}
}

func getMe(w http.ResponseWriter, r *http.Request) {
	if err := answer(w, http.StatusOK, KeycloakUserFrom(r.Context())); err != nil {
		refuse(w, errNoAuth)
	}
}
