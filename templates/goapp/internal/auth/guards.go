// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
)

// visit is what is known of a request: who serves it, and once a guard has looked,
// who asks.
type visit struct {
	auth   *Auth
	claims *Claims
	user   *User
	// fastman: if keycloak
	// keycloak is nil for who signed in to this app itself.
	keycloak *KeycloakUser
	// fastman: end
}

type visitKey struct{}

func withVisit(ctx context.Context, v visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// UserFrom returns the user whom a guard has let through; nil without one.
func UserFrom(ctx context.Context) *User { return visitOf(ctx).user }

// ClaimsFrom returns what the access token says that a guard has let through; nil
// without one.
// fastman: if oauth or ui
// For a cookie it is the user and the session alone.
// fastman: end
func ClaimsFrom(ctx context.Context) *Claims { return visitOf(ctx).claims }

// RequireUser lets only requests through that carry an access token of a live session
// and an active user; others are answered with 401. One query reads both, so that the
// end of a session and a disabled account act at once.
// fastman: if oauth or ui
// The cookie of a session is as good as a token. What is not a GET, HEAD or OPTIONS
// must come from a page of this app then, or of Config.TrustedOrigins; else it is
// answered with 403.
// fastman: end
func RequireUser(next http.Handler) http.Handler {
	return guard(next, func(*http.Request, visit) error { return nil })
}

// RequireVerifiedUser is RequireUser for users who have proved that their e-mail
// address is theirs; others are answered with 403.
func RequireVerifiedUser(next http.Handler) http.Handler {
	return guard(next, func(_ *http.Request, v visit) error {
		if !v.user.IsVerified() {
			return errNotVerified
		}
		return nil
	})
}

// RequireSuperuser is RequireUser for superusers; others are answered with 403.
func RequireSuperuser(next http.Handler) http.Handler {
	return guard(next, func(_ *http.Request, v visit) error {
		if !v.user.IsSuperuser {
			return errForbidden
		}
		return nil
	})
}

// RequireRecentLogin is RequireUser for sessions that were signed in to within the
// last ten minutes; others are answered with 403 and "reauth_required".
func RequireRecentLogin(next http.Handler) http.Handler {
	return guard(next, func(r *http.Request, v visit) error {
		return v.auth.requireRecent(r.Context(), v.claims)
	})
}

// RequireClaims lets only requests through whose access token is genuine and not
// over; others are answered with 401. It asks no database: a logout or a disabled
// account does not show until the token ends.
// fastman: if oauth or ui
// The cookie of a session says nothing without the database, and is no token here.
// fastman: end
func RequireClaims(next http.Handler) http.Handler {
	return guardWith(next, func(r *http.Request, v visit) (visit, error) {
		var err error
		if v.claims, err = v.auth.readClaims(r); err != nil {
			return v, err
		}
		// fastman: if keycloak
		v.keycloak = v.claims.keycloak
		// fastman: end
		return v, nil
	})
}

// guard loads the user, and asks what else must hold.
func guard(next http.Handler, check func(*http.Request, visit) error) http.Handler {
	return guardWith(next, func(r *http.Request, v visit) (visit, error) {
		if v.user == nil { // else another guard has looked already
			var err error
			if v.user, v.claims, err = v.auth.currentUser(r); err != nil {
				return v, err
			}
			// fastman: if keycloak
			v.keycloak = v.claims.keycloak
			// fastman: end
		}
		return v, check(r, v)
	})
}

func guardWith(next http.Handler, look func(*http.Request, visit) (visit, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		if v.auth == nil {
			// Never open: whoever wired this app has left the Middleware out.
			slog.ErrorContext(r.Context(), "auth: a guarded route is not below the Middleware of auth.New", "path", r.URL.Path)
			refuse(w, errNoAuth)
			return
		}
		v, err := look(r, v)
		if err != nil {
			v.auth.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(withVisit(r.Context(), v)))
	})
}

// readClaims returns the claims of the request's access token.
func (a *Auth) readClaims(r *http.Request) (*Claims, error) {
	token := bearer(r.Header.Get("Authorization"))
	if token == "" {
		return nil, errNotAuthenticated
	}
	// fastman: if keycloak
	if a.isOfKeycloak(token) {
		return a.readKeycloak(r.Context(), token)
	}
	// fastman: end
	return a.tokens.readAccess(token)
}

// currentUser returns the user of a live session, and the claims that led there.
func (a *Auth) currentUser(r *http.Request) (*User, *Claims, error) {
	// fastman: if oauth or ui
	if cookie := a.readSessionCookie(r); cookie != "" {
		return a.cookieUser(r, cookie)
	}
	// fastman: end
	claims, err := a.readClaims(r)
	if err != nil {
		return nil, nil, err
	}
	// fastman: if keycloak
	if claims.keycloak != nil {
		user, err := a.keycloakUser(r, claims)
		return user, claims, err
	}
	// fastman: end
	ctx, cancel := a.store.reading(r.Context())
	defer cancel()
	user, err := scanUser(a.store.findCurrent.row(ctx, claims.SessionID, claims.UserID))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, errInvalidToken
	}
	return user, claims, err
}

// fastman: if jwt or passkey
// recentUser is currentUser for a session that was signed in to a moment ago.
func (a *Auth) recentUser(r *http.Request) (*User, *Claims, error) {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return nil, nil, err
	}
	return user, claims, a.requireRecent(r.Context(), claims)
}

// fastman: end
func (a *Auth) requireRecent(ctx context.Context, claims *Claims) error {
	// fastman: if keycloak
	if claims.keycloak != nil {
		return claims.keycloak.requireRecent()
	}
	// fastman: end
	recent, err := read(ctx, a.store, func(ctx context.Context, db conn) (bool, error) { return isRecent(ctx, db, claims.SessionID) })
	if err == nil && !recent {
		return errReauthRequired
	}
	return err
}
