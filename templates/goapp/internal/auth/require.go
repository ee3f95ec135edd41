// fastman: file keycloak only

//go:build fastman

package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// visit is what is known of a request: who serves it, and once a guard has looked, who
// asks.
type visit struct {
	auth     *Auth
	keycloak *KeycloakUser
}

type visitKey struct{}

func withVisit(ctx context.Context, v visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// RequireUser lets only requests through that carry an access token of the realm which is
// for this app; others are answered with 401, and with 503 as long as the realm's keys
// cannot be fetched. It asks nobody: the end of a session in Keycloak shows when the token
// is over.
func RequireUser(next http.Handler) http.Handler {
	return guard(next, func(*http.Request, visit) error { return nil })
}

// guard reads the token, and asks what else must hold.
func guard(next http.Handler, check func(*http.Request, visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		if v.auth == nil {
			// Never open: whoever wired this app has left the Middleware out.
			slog.ErrorContext(r.Context(), "auth: a guarded route is not below the Middleware of auth.New", "path", r.URL.Path)
			refuse(w, errNoAuth)
			return
		}
		user, err := v.auth.currentUser(r)
		if v.keycloak = user; err == nil {
			err = check(r, v)
		}
		if err != nil {
			fail(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(withVisit(r.Context(), v)))
	})
}

func (a *Auth) currentUser(r *http.Request) (*KeycloakUser, error) {
	text := bearer(r.Header.Get("Authorization"))
	if text == "" && a.keycloak.issuer != "" {
		return nil, errNotAuthenticated
	}
	token, err := a.keycloak.read(r.Context(), text)
	return &token.user, err
}

// fail is the one place where an error becomes an answer.
func fail(w http.ResponseWriter, err error) {
	told, ok := errors.AsType[*problem](err)
	if !ok { // the client has hung up
		told = errKeycloakDown
	}
	refuse(w, told)
}
