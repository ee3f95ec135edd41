// fastman: file jwt
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
)

var (
	errEmailTaken    = &problem{status: http.StatusConflict, detail: "E-mail is already registered"}
	errUsernameTaken = &problem{status: http.StatusConflict, detail: "Username is already taken"}
)

// registration is what somebody signs up with.
type registration struct {
	email    string
	username *string
	password string
}

// register makes an account, or returns errEmailTaken or errUsernameTaken.
func (a *Auth) register(ctx context.Context, wanted registration, from client) (*User, error) {
	hashed, err := a.hash(ctx, wanted.password)
	if err != nil {
		return nil, err
	}
	var user *User
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		user, err = insertUser(ctx, db, wanted, hashed)
		return err
	})
	if err != nil {
		return nil, err
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.register.ok", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	return user, nil
}

// insertUser leaves it to the unique indexes who is first, so that two registrations
// at once cannot both win.
func insertUser(ctx context.Context, db conn, wanted registration, hashed string) (*User, error) {
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

// registerUnseen makes an account if it can be made; only its address gets to know.
func (a *Auth) registerUnseen(ctx context.Context, wanted registration, from client, baseURL string) error {
	user, err := a.register(ctx, wanted, from)
	switch {
	case errors.Is(err, errEmailTaken):
		return a.tellOwner(ctx, wanted.email)
	case errors.Is(err, errUsernameTaken):
		return a.tellOnceAnHour(ctx, wanted.email, a.mails.usernameTaken)
	case err != nil:
		return err
	}
	var token string
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		token, err = issueOneTime(ctx, db, user, toVerify)
		return err
	})
	if err == nil {
		a.mails.verifyLink(user.Email, baseURL, token)
	}
	return err
}

// tellOwner mails to the address as the account has it, which may be another spelling.
func (a *Auth) tellOwner(ctx context.Context, email string) error {
	stored, err := read(ctx, a.store, func(ctx context.Context, db conn) (stored string, err error) {
		err = db.row(ctx, `SELECT email FROM users WHERE email_key = $1`, identityKey(email)).Scan(&stored)
		return stored, err
	})
	if err != nil {
		return err
	}
	return a.tellOnceAnHour(ctx, stored, a.mails.alreadyRegistered)
}

func (a *Auth) tellOnceAnHour(ctx context.Context, email string, mail func(to string)) error {
	var first bool
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		first, err = claimHourly(ctx, db, "mail:taken:"+nameKey(email))
		return err
	})
	if first {
		mail(email)
	}
	return err
}
