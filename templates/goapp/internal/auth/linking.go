// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// What somebody who is signed in can do with their identities.

var (
	errIdentityTaken = &problem{status: http.StatusConflict, detail: "This identity belongs to another account"}
	errNotLinked     = &problem{status: http.StatusNotFound, detail: "Provider not linked"}
)

// link gives an identity to the user of a session that is still alive.
func (a *Auth) link(ctx context.Context, who profile, userID int64, sessionID string, from client) error {
	var user *User
	added := false
	err := a.retry(ctx, func(ctx context.Context, db conn) (err error) {
		user, added, err = a.linkOnce(ctx, db, who, userID, sessionID)
		return err
	})
	if err != nil || !added {
		return err
	}
	a.reportLinked(ctx, user, who.service, from)
	return nil
}

func (a *Auth) linkOnce(ctx context.Context, db conn, who profile, userID int64, sessionID string) (user *User, added bool, err error) {
	user, err = lockUser(ctx, db, userID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, errInvalidToken
	}
	if err != nil {
		return nil, false, err
	}
	alive, err := db.exists(ctx, `SELECT id FROM auth_sessions WHERE id = $1 AND user_id = $2`+liveSession(a.config.SessionMax), sessionID, userID)
	if err == nil && !alive {
		err = errInvalidToken
	}
	if err != nil {
		return nil, false, err
	}
	var owner int64
	err = db.row(ctx, `SELECT user_id FROM oauth_accounts WHERE provider = $1 AND subject = $2`, who.service.key, who.subject).Scan(&owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user, true, attach(ctx, db, user, who)
	case err == nil && owner != userID:
		err = errIdentityTaken
	}
	return user, false, err
}

func (a *Auth) reportLinked(ctx context.Context, user *User, s *service, from client) {
	logEvent(ctx, a.log, slog.LevelInfo, "auth.oauth.linked",
		slog.String("provider", s.name), slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.providerLinked(user, s.title, from)
}

// isLinked tells whether the user has an identity of the provider.
func (a *Auth) isLinked(ctx context.Context, user *User, s *service) (bool, error) {
	subjects, err := read(ctx, a.store, func(ctx context.Context, db conn) ([]string, error) { return subjectsOf(ctx, db, user, s) })
	return len(subjects) > 0, err
}

// unlink takes all identities of a provider from a user, unless no other way to sign in
// is left, and ends the other sessions that began with them.
func (a *Auth) unlink(ctx context.Context, user *User, s *service, current *Claims, from client) error {
	var ended []string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		ended, err = a.unlinkOnce(ctx, db, user, s, current)
		return err
	})
	if err != nil {
		return err
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.oauth.unlinked",
		slog.String("provider", s.name), slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.logEnded(ctx, ended, user, from)
	a.mails.providerUnlinked(user, s.title, from)
	return nil
}

func (a *Auth) unlinkOnce(ctx context.Context, db conn, user *User, s *service, current *Claims) ([]string, error) {
	now, err := lockUser(ctx, db, user.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNotLinked
	}
	if err != nil {
		return nil, err
	}
	gone, err := db.exists(ctx, `DELETE FROM oauth_accounts WHERE user_id = $1 AND provider = $2 RETURNING subject`, now.ID, s.key)
	if err == nil && !gone {
		err = errNotLinked
	}
	if err != nil {
		return nil, err
	}
	if err := a.wantWayIn(ctx, db, now); err != nil {
		return nil, err
	}
	if now.OAuthProvider != nil && *now.OAuthProvider == s.name {
		if err := a.showOldestProvider(ctx, db, now); err != nil {
			return nil, err
		}
	}
	return db.texts(ctx, `DELETE FROM auth_sessions WHERE user_id = $1 AND method = $2 AND id <> $3 RETURNING id`, now.ID, s.name, current.SessionID)
}

// showOldestProvider names the oldest identity that is left as what the account came by.
func (a *Auth) showOldestProvider(ctx context.Context, db conn, user *User) error {
	keys, err := db.texts(ctx, `SELECT provider FROM oauth_accounts WHERE user_id = $1 ORDER BY id`, user.ID)
	if err != nil {
		return err
	}
	var oldest string
	if len(keys) > 0 {
		oldest = a.nameOf(keys[0])
	}
	return db.exec(ctx, `UPDATE users SET oauth_provider = $1, updated_at = clock_timestamp() WHERE id = $2`, orNull(oldest), user.ID)
}

// hasIdentity tells whether the user can sign in with a provider. An identity of one that
// this app no longer has is no way in.
func (a *Auth) hasIdentity(ctx context.Context, db conn, user *User) (bool, error) {
	keys, err := db.texts(ctx, `SELECT provider FROM oauth_accounts WHERE user_id = $1`, user.ID)
	return slices.ContainsFunc(keys, func(key string) bool { return a.nameOf(key) != "" }), err
}

// nameOf returns the name of the provider whose identities are stored under a key.
func (a *Auth) nameOf(key string) string {
	// fastman: if keycloak
	if key == a.keycloak.service.key {
		return a.keycloak.service.name
	}
	// fastman: end
	// fastman: if oauth
	for _, s := range a.services {
		if s.key == key {
			return s.name
		}
	}
	// fastman: end
	return ""
}

// publicIdentity is how an identity is listed.
type publicIdentity struct {
	Provider   string     `json:"provider"`
	Email      *string    `json:"email"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// listIdentities returns those of a user, the oldest first.
func (a *Auth) listIdentities(ctx context.Context, userID int64) ([]publicIdentity, error) {
	return read(ctx, a.store, func(ctx context.Context, db conn) ([]publicIdentity, error) {
		return collect(ctx, db, a.scanIdentity, `SELECT provider, email, created_at, last_used_at
			FROM oauth_accounts WHERE user_id = $1 ORDER BY id`, userID)
	})
}

func (a *Auth) scanIdentity(row scanner) (i publicIdentity, err error) {
	if err := row.Scan(&i.Provider, &i.Email, &i.CreatedAt, &i.LastUsedAt); err != nil {
		return i, err
	}
	if name := a.nameOf(i.Provider); name != "" {
		i.Provider = name
	}
	i.CreatedAt = i.CreatedAt.UTC()
	if i.LastUsedAt != nil {
		used := i.LastUsedAt.UTC()
		i.LastUsedAt = &used
	}
	return i, nil
}
