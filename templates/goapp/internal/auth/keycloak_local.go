// fastman: file keycloak and jwt or oauth or passkey
package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Who signs in with Keycloak is a user of this app, too: the realm's issuer and the
// subject of its tokens are an identity as any other.

// identityIdle is in seconds. The use of an identity is written down so often.
const identityIdle = 5 * 60

// byKeycloak is the realm as a provider, and how those signed in who have no session here.
const byKeycloak = "keycloak"

var errNoKeycloakEmail = &problem{status: http.StatusForbidden, detail: "Keycloak has no e-mail address of yours"}

// selectKeycloakUser is the one statement for every request with a token of Keycloak. It
// also returns whether the use has to be written down.
var selectKeycloakUser = fmt.Sprintf(`SELECT `+userColumns+`,
	oauth_accounts.last_used_at IS NULL OR oauth_accounts.last_used_at < clock_timestamp() + make_interval(secs => -%d)
	FROM oauth_accounts JOIN users ON users.id = oauth_accounts.user_id
	WHERE oauth_accounts.provider = $1 AND oauth_accounts.subject = $2`, identityIdle)

// isOfKeycloak tells whether a token says that a realm of Keycloak has issued it. Every
// other one is read as one of this app's own.
func (a *Auth) isOfKeycloak(text string) bool {
	if _, known := a.keycloak.recall(text); known {
		return true
	}
	if _, own := a.tokens.verified.find(text); own {
		return false
	}
	var told struct {
		Issuer string `json:"iss"`
	}
	if parts := strings.Split(text, "."); len(parts) == 3 {
		payload, _ := base64url.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &told) // what is none says nothing
	}
	return told.Issuer != a.config.Issuer && strings.Contains(told.Issuer, "/realms/")
}

// readKeycloak is readAccess for a token of Keycloak.
func (a *Auth) readKeycloak(ctx context.Context, text string) (*Claims, error) {
	token, err := a.keycloak.read(ctx, text)
	if err != nil {
		return nil, err
	}
	return &Claims{
		Issuer: token.issuer, Audience: a.keycloak.clientID, TokenID: token.id,
		IssuedAt: token.issuedAt, NotBefore: token.notBefore, ExpiresAt: token.expiresAt,
		keycloak: &token.user,
	}, nil
}

// keycloakUser is currentUser for a token of Keycloak. Whoever comes for the first time
// gets an account.
func (a *Auth) keycloakUser(r *http.Request, claims *Claims) (*User, error) {
	ctx, cancel := a.store.reading(r.Context())
	defer cancel()
	var unwritten bool
	user, err := scanUser(rowWith{a.store.findIdentity.row(ctx, claims.Issuer, claims.keycloak.ID), []any{&unwritten}})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		user, err = a.admitKeycloak(r.Context(), claims.keycloak, a.clients.read(r))
	case err == nil && unwritten:
		id, from := user.ID, a.clients.read(r)
		a.jobs.submit(func(ctx context.Context) { a.writeIdentityUse(ctx, id, claims.keycloak, from) })
	}
	if err != nil {
		return nil, err
	}
	if !user.IsActive {
		return nil, errInvalidToken
	}
	claims.UserID, user.roles = user.ID, claims.keycloak.Roles
	return user, nil
}

// keycloakProfile is what a token says of its user. Whether Keycloak has verified the
// address decides what it opens.
func (a *Auth) keycloakProfile(u *KeycloakUser) (who profile, email string) {
	var claims struct {
		Name          any `json:"name"`
		EmailVerified any `json:"email_verified"` // true, and nothing like it
	}
	_ = u.Claims(&claims) // it was read before
	who = profile{service: a.keycloak.service, subject: u.ID, name: cleanName(textOf(claims.Name))}
	if u.Email != nil {
		if normal, err := normalizeEmail(*u.Email, !a.config.production()); err == nil {
			email = normal
		}
	}
	if claims.EmailVerified == true {
		who.email = email
	}
	return who, email
}

// admitKeycloak returns the user of an identity that nobody had a moment ago.
func (a *Auth) admitKeycloak(ctx context.Context, u *KeycloakUser, from client) (*User, error) {
	who, email := a.keycloakProfile(u)
	var done admission
	var made bool
	err := a.retry(ctx, func(ctx context.Context, db conn) (err error) {
		done, made, err = admitRealmUser(ctx, db, who, email)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.reportAdmission(ctx, done, who.service, from)
	if made {
		logEvent(ctx, a.log, slog.LevelInfo, "auth.keycloak.user", slog.Int64("user_id", done.user.ID))
	}
	return done.user, nil
}

// admitRealmUser makes a user, or takes over an account whose address nobody has proved,
// if Keycloak has. It links to no other account: whoever has that does it.
func admitRealmUser(ctx context.Context, db conn, who profile, email string) (done admission, made bool, err error) {
	owner, err := identityOwner(ctx, db, who)
	switch {
	case err == nil: // another request was faster
		return admission{user: owner}, false, nil
	case !errors.Is(err, sql.ErrNoRows):
		return admission{}, false, err
	case email == "":
		return admission{}, false, errNoKeycloakEmail
	}
	user, err := db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1 FOR NO KEY UPDATE`, identityKey(email))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		user, err = makeRealmUser(ctx, db, who, email)
		return admission{user: user}, err == nil, err
	case err != nil:
		return admission{}, false, err
	case user.IsVerified() || who.email == "" || !user.IsActive:
		return admission{}, false, orRaced(ctx, db, who, errEmailHasAccount)
	}
	if done, err = takeOver(ctx, db, user, who); err == nil {
		done.user, err = findUser(ctx, db, user.ID) // as it is now
	}
	return done, false, err
}

// orRaced is errRaced where the identity has come meanwhile, and with it the account.
func orRaced(ctx context.Context, db conn, who profile, otherwise error) error {
	found, err := db.exists(ctx, `SELECT subject FROM oauth_accounts WHERE provider = $1 AND subject = $2`, who.service.key, who.subject)
	switch {
	case err != nil:
		return err
	case found:
		return errRaced
	}
	return otherwise
}

func makeRealmUser(ctx context.Context, db conn, who profile, email string) (*User, error) {
	var id int64
	err := db.row(ctx, `INSERT INTO users (email, email_key, name, oauth_provider, is_active, is_superuser,
			email_verified_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, TRUE, FALSE, CASE WHEN $5 THEN clock_timestamp() END, clock_timestamp(), clock_timestamp())
		ON CONFLICT DO NOTHING RETURNING id`,
		email, identityKey(email), orNull(who.name), who.service.name, who.email != "").Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errRaced
	}
	if err != nil {
		return nil, err
	}
	user, err := findUser(ctx, db, id)
	if err != nil {
		return nil, err
	}
	if err := insertIdentity(ctx, db, user, who); err != nil {
		return nil, err
	}
	return user, useIdentity(ctx, db, user, who)
}

// writeIdentityUse writes down that an identity is in use, and what Keycloak says of its
// user by now. An address that Keycloak has verified since makes the account theirs.
func (a *Auth) writeIdentityUse(ctx context.Context, userID int64, u *KeycloakUser, from client) {
	who, _ := a.keycloakProfile(u)
	var done admission
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		user, err := lockUser(ctx, db, userID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		due, err := db.exists(ctx, fmt.Sprintf(`UPDATE oauth_accounts SET last_used_at = clock_timestamp(), email = $1
			WHERE provider = $2 AND subject = $3 AND user_id = $4
			AND (last_used_at IS NULL OR last_used_at < clock_timestamp() + make_interval(secs => -%d)) RETURNING subject`, identityIdle),
			orNull(who.email), who.service.key, who.subject, userID)
		if err != nil || !due {
			return err
		}
		done, err = follow(ctx, db, user, who)
		return err
	})
	if err != nil {
		a.logFailure(ctx, err)
		return
	}
	a.reportAdmission(ctx, done, who.service, from)
}

// requireRecent asks when the user signed in to Keycloak.
func (u *KeycloakUser) requireRecent() error {
	var claims struct {
		AuthTime float64 `json:"auth_time"`
	}
	ahead, ago := time.Now().Add(clockSkew*time.Second), time.Now().Add(-recentLogin*time.Second)
	err := u.Claims(&claims)
	if at := time.Unix(int64(claims.AuthTime), 0); err != nil || at.After(ahead) || at.Before(ago) {
		return errReauthRequired
	}
	return nil
}
