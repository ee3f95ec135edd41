// fastman: file jwt or passkey
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
)

// How an account begins, whatever it is opened with.

var (
	errEmailTaken    = &problem{status: http.StatusConflict, detail: "E-mail is already registered"}
	errUsernameTaken = &problem{status: http.StatusConflict, detail: "Username is already taken"}
)

// registration is whom somebody signs up as.
type registration struct {
	email    string
	username *string
}

func (a *Auth) emailRule(address string) (string, error) {
	return normalizeEmail(address, !a.config.production())
}

// insertUser leaves it to the unique indexes who is first, so that two registrations
// at once cannot both win.
func insertUser(ctx context.Context, db conn, wanted registration, hashed *string) (*User, error) {
	var id int64
	err := db.row(ctx, `INSERT INTO users (email, email_key, username, username_key, hashed_password,
			is_active, is_superuser, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, TRUE, FALSE, clock_timestamp(), clock_timestamp())
		ON CONFLICT DO NOTHING RETURNING id`,
		wanted.email, identityKey(wanted.email), wanted.username, wanted.usernameKey(), hashed).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, findTaken(ctx, db, wanted)
	}
	if err != nil {
		return nil, err
	}
	return findUser(ctx, db, id)
}

func (r registration) usernameKey() *string {
	if r.username == nil {
		return nil
	}
	key := identityKey(*r.username)
	return &key
}

func findTaken(ctx context.Context, db conn, wanted registration) error {
	taken, err := db.exists(ctx, `SELECT email FROM users WHERE email_key = $1`, identityKey(wanted.email))
	if err != nil {
		return err
	}
	if taken {
		return errEmailTaken
	}
	return errUsernameTaken
}

func (a *Auth) logRegistered(ctx context.Context, user *User, from client) {
	logEvent(ctx, a.log, slog.LevelInfo, "auth.register.ok", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
}

func (a *Auth) tellOnceAnHour(ctx context.Context, key string, mail func()) error {
	var first bool
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		first, err = claimHourly(ctx, db, key)
		return err
	})
	if first {
		mail()
	}
	return err
}
