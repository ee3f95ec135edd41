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
	errWrongPassword = &problem{status: http.StatusBadRequest, detail: "Incorrect password"}
	errNoPassword    = &problem{status: http.StatusConflict, detail: "The account has no password yet"}
	errHasPassword   = &problem{status: http.StatusConflict, detail: "The account has a password already"}
)

// changePassword changes the password, and ends every session but this one. It returns
// errNoPassword, or errWrongPassword, which counts as a failed sign-in.
func (a *Auth) changePassword(ctx context.Context, user *User, current, fresh string, claims *Claims, from client) error {
	if user.hashedPassword == nil {
		return errNoPassword
	}
	if err := a.checkNewPassword(fresh, user); err != nil {
		return err
	}
	find := func(ctx context.Context, db conn) (*User, error) { return findUser(ctx, db, user.ID) }
	p, err := a.checkPassword(ctx, current, user.Email, find, from)
	if err != nil {
		return err
	}
	if !p.matches {
		return errWrongPassword
	}
	hashed, err := a.hash(ctx, fresh)
	if err != nil {
		return err
	}
	var ended []string
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		ended, err = replacePassword(ctx, db, p, hashed, claims.SessionID)
		return err
	})
	if err != nil {
		return err
	}
	a.reportPassword(ctx, "auth.password.changed", user, from)
	a.logEnded(ctx, ended, user, from)
	return nil
}

func replacePassword(ctx context.Context, db conn, p proof, hashed, keepSession string) ([]string, error) {
	user, err := accept(ctx, db, p)
	if err != nil {
		return nil, err
	}
	if user == nil {
		return nil, errWrongPassword
	}
	if err := setPassword(ctx, db, user, hashed); err != nil {
		return nil, err
	}
	if err := dropOneTime(ctx, db, user, toReset); err != nil {
		return nil, err
	}
	return endSessions(ctx, db, user.ID, keepSession)
}

// setFirstPassword gives an account its first password, or returns errHasPassword.
func (a *Auth) setFirstPassword(ctx context.Context, user *User, fresh string, from client) error {
	if user.hashedPassword != nil {
		return errHasPassword
	}
	if err := a.checkNewPassword(fresh, user); err != nil {
		return err
	}
	hashed, err := a.hash(ctx, fresh)
	if err != nil {
		return err
	}
	err = a.store.write(ctx, func(ctx context.Context, db conn) error {
		now, err := lockUser(ctx, db, user.ID)
		if errors.Is(err, sql.ErrNoRows) || (err == nil && now.hashedPassword != nil) {
			return errHasPassword
		}
		if err != nil {
			return err
		}
		return setPassword(ctx, db, now, hashed)
	})
	if err != nil {
		return err
	}
	a.reportPassword(ctx, "auth.password.set", user, from)
	return nil
}

func (a *Auth) reportPassword(ctx context.Context, event string, user *User, from client) {
	logEvent(ctx, a.log, slog.LevelInfo, event, slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.passwordChanged(user, from)
}
