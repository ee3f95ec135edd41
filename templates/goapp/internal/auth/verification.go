// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"log/slog"
)

// An account owns its address only once somebody has proved it.

// requestVerification mails a link to the user's address, unless it is verified
// already.
func (a *Auth) requestVerification(ctx context.Context, user *User, from client, baseURL string) error {
	var token string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		_, err = a.countAttempt(ctx, db, "verify", from, userKey(user))
		if err == nil && !user.IsVerified() {
			token, err = issueOneTime(ctx, db, user, toVerify)
		}
		return err
	})
	if err != nil || token == "" {
		return err
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.email.verification_sent", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.verifyLink(user.Email, baseURL, token)
	return nil
}

// verifyWithSession verifies the address of the user whose session presents the link's
// token. The session shows that whoever opened the link also opened the account:
// without it, a stranger's account would become theirs by a click.
func (a *Auth) verifyWithSession(ctx context.Context, token string, user *User, by *Claims, from client) error {
	counted, err := a.countAlone(ctx, "verify", from)
	if err != nil {
		return err
	}
	var ended []string
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		ended, err = a.verify(ctx, db, token, user, by, counted)
		return err
	})
	if err != nil {
		return err
	}
	a.reportVerified(ctx, user, ended, from)
	return nil
}

// verify ends every session of an address that was nobody's before, but the one that
// presents the link, and returns their ids. Without one a password was given.
func (a *Auth) verify(ctx context.Context, db conn, token string, owner *User, by *Claims, counted attempt) ([]string, error) {
	user, err := takeOneTime(ctx, db, token, toVerify)
	if err != nil {
		return nil, err
	}
	if user.ID != owner.ID {
		return nil, errInvalidLink // rolls back: the token stays its owner's
	}
	if err := giveBack(ctx, db, counted); err != nil {
		return nil, err
	}
	if user.IsVerified() {
		return nil, nil
	}
	// fastman: if oauth or passkey or keycloak
	if err := a.dropOtherWays(ctx, db, user, by); err != nil {
		return nil, err
	}
	// fastman: end
	if err := markVerified(ctx, db, user); err != nil {
		return nil, err
	}
	keepSession := ""
	if by != nil {
		keepSession = by.SessionID
	}
	return endSessions(ctx, db, user.ID, keepSession)
}

func markVerified(ctx context.Context, db conn, user *User) error {
	return db.exec(ctx, `UPDATE users SET email_verified_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1`, user.ID)
}

func (a *Auth) reportVerified(ctx context.Context, user *User, ended []string, from client) {
	id, ip := slog.Int64("user_id", user.ID), slog.String("ip", from.ip)
	logEvent(ctx, a.log, slog.LevelInfo, "auth.email.verified", id, ip)
	a.logEnded(ctx, ended, user, from)
	if len(ended) > 0 {
		logEvent(ctx, a.log, slog.LevelInfo, "auth.account.takeover", id, ip)
		a.mails.takenOver(user, from)
	}
}
