// fastman: file jwt or oauth or passkey
// Package auth is the sign-in of this app: users, sessions and the tokens that stand
// for them.
//
// Open and Migrate prepare the database, New makes the handler. Its Middleware serves
// the endpoints and lets RequireUser and the other guards know who is asking:
//
//	mux.Handle("GET /orders", auth.RequireUser(orders))
//	http.ListenAndServe(":8000", authn.Middleware(mux))
package auth

import (
	"context"
	"database/sql"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// closePatience is how long a stopping app may spend on mails that are not out yet.
const closePatience = 5 * time.Second

// Auth is the sign-in of an app. It is safe for concurrent use.
type Auth struct {
	config  Config
	log     *slog.Logger
	store   *store
	tokens  *tokens
	salts   remembered[string] // of sessions that were refreshed here
	clients *clientReader
	jobs    *background
	mails   *mailer
	routes  map[string]route
	started time.Time
	purged  atomic.Int64 // when expired rows were last looked for, in ns after started
	// fastman: if jwt
	hashing *hashQueue
	policy  passwordPolicy
	// fastman: end
	// fastman: if oauth
	calls    *calls              // of providers
	services map[string]*service // by the name of their provider
	// fastman: end
	// fastman: if oauth or ui
	origins *http.CrossOriginProtection
	// fastman: end
	// fastman: if keycloak
	keycloak *keycloak
	// fastman: end
}

// New makes the sign-in of an app on a database that Open has opened and Migrate has
// brought up to date. It refuses a config that is unsafe.
//
// As many passwords are hashed at once as GOMAXPROCS says now. An app that raises it by
// one afterwards keeps a processor for everybody else.
func New(ctx context.Context, c Config, db *sql.DB, log *slog.Logger) (*Auth, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	a := &Auth{config: c, log: log, jobs: newBackground(log), clients: newClientReader(c.TrustedProxies, log), started: time.Now()}
	if a.tokens, err = newTokens(c); err != nil {
		return nil, err
	}
	if a.mails, err = newMailer(c, a.jobs, log); err != nil {
		return nil, err
	}
	if a.store, err = newStore(ctx, db, c); err != nil {
		return nil, err
	}
	// fastman: if jwt
	a.hashing = newHashQueue()
	a.policy = passwordPolicy{minLength: c.PasswordMinLength, appName: c.appName()}
	// fastman: end
	// fastman: if oauth or ui
	if a.origins, err = c.crossOrigin(); err != nil {
		return nil, err
	}
	// fastman: end
	// fastman: if passkey
	c.warnOfPasskeys(ctx, log)
	// fastman: end
	// fastman: if oauth
	a.calls = newCalls()
	a.services = newServices(c, a.calls, log)
	// fastman: end
	// fastman: if keycloak
	if a.keycloak, err = newKeycloak(ctx, c.Keycloak, log); err != nil {
		return nil, err
	}
	a.keycloak.start()
	// fastman: end
	a.routes = a.endpoints()
	return a, nil
}

// Close lets mails that are queued go out, for at most five seconds.
func (a *Auth) Close() {
	// fastman: if keycloak
	a.keycloak.keys.close()
	// fastman: end
	a.jobs.close(closePatience)
}

// route is what one path answers, by method.
type route map[string]endpoint

// endpoint answers a request, or returns the error to answer it with.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// endpoints are named by their paths below the prefix. One that ends with a slash is
// for all paths that begin with it.
func (a *Auth) endpoints() map[string]route {
	all := map[string]route{
		"/me":      {http.MethodGet: a.getMe},
		"/refresh": {http.MethodPost: a.postRefresh},
		"/logout": {
			// fastman: if oauth or ui
			http.MethodGet: a.getLogout,
			// fastman: end
			http.MethodPost: a.postLogout,
		},
		"/sessions":       {http.MethodGet: a.getSessions, http.MethodDelete: a.deleteSessions},
		"/sessions/":      {http.MethodDelete: a.deleteSession},
		"/verify/request": {http.MethodPost: a.postVerifyRequest},
		"/verify":         {http.MethodPost: a.postVerify},
	}
	// fastman: if jwt
	maps.Copy(all, a.passwordEndpoints())
	// fastman: end
	// fastman: if oauth or keycloak
	maps.Copy(all, a.identityEndpoints())
	// fastman: end
	// fastman: if keycloak
	maps.Copy(all, a.keycloakEndpoints())
	// fastman: end
	// fastman: if oauth
	for path, methods := range a.oauthEndpoints() {
		if all[path] == nil {
			all[path] = route{}
		}
		maps.Copy(all[path], methods)
	}
	// fastman: end
	// fastman: if passkey
	maps.Copy(all, a.passkeyEndpoints())
	// fastman: end
	// fastman: if ui
	maps.Copy(all, a.pageEndpoints())
	// fastman: end
	return all
}

// ServeHTTP answers the endpoints, and 404 for every other path.
func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if found, ok := a.find(r.URL.Path); ok {
		a.serve(w, r, found)
	} else {
		refuse(w, errNotFound)
	}
}

// Middleware serves the endpoints, and hands every other request on to next, where
// the guards of this package work: RequireUser and its like.
func (a *Auth) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if found, ok := a.find(r.URL.Path); ok {
			a.serve(w, r, found)
		} else {
			next.ServeHTTP(w, r.WithContext(withVisit(r.Context(), visit{auth: a})))
		}
	})
}

// find returns the route of a path. One with a slash more has none, but is ours to
// refuse: a mux might redirect it, and a client would send its secrets once more.
func (a *Auth) find(path string) (found route, ok bool) {
	path, ok = strings.CutPrefix(path, a.config.Prefix)
	if !ok {
		return nil, false
	}
	name := strings.TrimRight(path, "/")
	slashed := name != path
	if strings.HasPrefix(name, "/sessions/") {
		name = "/sessions/"
	}
	// fastman: if oauth
	for _, parent := range []string{"/callback/", "/login/"} {
		if strings.HasPrefix(name, parent) {
			name = parent
		}
	}
	// fastman: end
	// fastman: if oauth or keycloak
	if _, exact := a.routes[name]; !exact && strings.HasPrefix(name, "/providers/") {
		name = "/providers/"
	}
	// fastman: end
	// fastman: if passkey
	if strings.HasPrefix(name, "/passkey/credentials/") {
		name = "/passkey/credentials/"
	}
	// fastman: end
	if found, ok = a.routes[name]; slashed {
		found = nil
	}
	return found, ok
}

func (a *Auth) serve(w http.ResponseWriter, r *http.Request, found route) {
	if found == nil {
		refuse(w, errNotFound)
		return
	}
	work, ok := found[r.Method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(found)), ", "))
		refuse(w, errNotAllowed)
		return
	}
	if err := work(w, r); err != nil {
		a.fail(w, r, err)
	}
}

// baseURL is what the links of mails begin with: a sender may have made up the Host.
func (a *Auth) baseURL(r *http.Request) string {
	switch {
	case a.config.PublicURL != "":
		return a.config.PublicURL
	case !a.config.development():
		return "http://localhost" // tests follow no links, and production has its URL
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
