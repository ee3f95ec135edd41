// fastman: file jwt
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
)

// forgetPassword mails a link to the owner of that address, if there is one with a
// password. Whether there is must not show in how long the answer takes, so that
// nobody looks before it is sent.
func (a *Auth) forgetPassword(ctx context.Context, email string, from client, baseURL string) error {
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		_, err := a.countAttempt(ctx, db, "forgot", from, nameKey(email))
		return err
	})
	if err == nil {
		a.jobs.submit(func(ctx context.Context) { a.mailResetLink(ctx, email, from, baseURL) })
	}
	return err
}

func (a *Auth) mailResetLink(ctx context.Context, email string, from client, baseURL string) {
	var user *User
	var token string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		user, token, err = a.issueReset(ctx, db, email)
		return err
	})
	if err != nil {
		a.logFailure(ctx, err)
	}
	if err != nil || user == nil {
		return
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.password.forgot", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.resetLink(user.Email, baseURL, token)
}

func (a *Auth) issueReset(ctx context.Context, db conn, email string) (*User, string, error) {
	with := ` AND users.hashed_password IS NOT NULL`
	// fastman: if passkey
	if a.config.PasskeyEmailRecovery {
		with = "" // the mail is as good as a passkey
	}
	// fastman: end
	user, err := db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1 AND users.is_active`+with, identityKey(email))
	if errors.Is(err, sql.ErrNoRows) {
		// As much is written as for somebody: the next request could tell.
		_, err = claimHourly(ctx, db, "forgot:nobody")
		return nil, "", err
	}
	if err != nil {
		return nil, "", err
	}
	token, err := issueOneTime(ctx, db, user, toReset)
	return user, token, err
}

// resetPassword sets a new password, verifies the address, and ends every session. A
// password that is not allowed leaves the token as it is.
func (a *Auth) resetPassword(ctx context.Context, token, fresh string, from client) error {
	counted, err := a.countAlone(ctx, "reset", from)
	if err != nil {
		return err
	}
	owner, err := a.ownerOf(ctx, token, toReset)
	if err != nil {
		return err
	}
	if err := a.checkNewPassword(fresh, owner); err != nil {
		return err
	}
	hashed, err := a.hash(ctx, fresh)
	if err != nil {
		return err
	}
	var done reset
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		done, err = takeReset(ctx, db, token, hashed, counted, from)
		return err
	})
	if err != nil {
		return err
	}
	a.reportReset(ctx, owner, done, from)
	return nil
}

// reset is what a new password has changed besides.
type reset struct {
	takenOver bool     // the address was nobody's before
	ended     []string // ids of sessions
}

func takeReset(ctx context.Context, db conn, token, hashed string, counted attempt, from client) (reset, error) {
	user, err := takeOneTime(ctx, db, token, toReset)
	if err != nil {
		return reset{}, err
	}
	if err := setPassword(ctx, db, user, hashed); err != nil {
		return reset{}, err
	}
	if !user.IsVerified() {
		// fastman: if oauth or keycloak
		if err := dropIdentities(ctx, db, user); err != nil {
			return reset{}, err
		}
		// fastman: end
		// fastman: if passkey
		if err := dropPasskeys(ctx, db, user); err != nil {
			return reset{}, err
		}
		// fastman: end
		if err := markVerified(ctx, db, user); err != nil {
			return reset{}, err
		}
	}
	ended, err := endSessions(ctx, db, user.ID, "")
	if err != nil {
		return reset{}, err
	}
	if err := giveBack(ctx, db, counted); err != nil {
		return reset{}, err
	}
	return reset{!user.IsVerified(), ended}, lift(ctx, db, user, from)
}

func (a *Auth) reportReset(ctx context.Context, user *User, done reset, from client) {
	id, ip := slog.Int64("user_id", user.ID), slog.String("ip", from.ip)
	logEvent(ctx, a.log, slog.LevelInfo, "auth.password.reset", id, ip)
	if done.takenOver {
		logEvent(ctx, a.log, slog.LevelInfo, "auth.account.takeover", id, ip)
	}
	a.logEnded(ctx, done.ended, user, from)
	a.mails.passwordReset(user, from, done.takenOver)
}
