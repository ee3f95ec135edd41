// fastman: file passkey
package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Whoever has lost their passkeys comes back with a code that they have kept, or with a
// mailed link where the app allows it, and makes another passkey then.

const (
	recoveryCodes        = 10
	recoveryCodeBytes    = 16
	recoveryCodeLifetime = 10 * 365 * 24 * hour
)

var (
	errInvalidRecovery = &problem{status: http.StatusUnauthorized, detail: "Invalid recovery code"}

	recoveryCodeForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// makeRecoveryCodes returns new codes, in place of all before.
func (a *Auth) makeRecoveryCodes(ctx context.Context, user *User, from client) ([]string, error) {
	codes := make([]string, recoveryCodes)
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		if _, err := lockUser(ctx, db, user.ID); err != nil {
			return orInvalidSession(err)
		}
		for i := range codes {
			digits := make([]byte, recoveryCodeBytes)
			_, _ = rand.Read(digits) // it never fails: without randomness the process ends
			codes[i] = hex.EncodeToString(digits)
			if err := storeRecoveryCode(ctx, db, user, i, codes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, code := range codes {
		codes[i] = groupDigits(code)
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.passkey.codes", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.recoveryCodesMade(user, from)
	return codes, nil
}

func orInvalidSession(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errInvalidToken
	}
	return err
}

func storeRecoveryCode(ctx context.Context, db conn, user *User, number int, code string) error {
	return db.exec(ctx, `INSERT INTO auth_tokens (token_hash, purpose, user_id, email_key, created_at, expires_at)
		SELECT $1, $2, id, email_key, clock_timestamp(), clock_timestamp() + make_interval(secs => $3) FROM users WHERE id = $4
		ON CONFLICT (user_id, purpose) DO UPDATE SET token_hash = excluded.token_hash, email_key = excluded.email_key,
			created_at = excluded.created_at, expires_at = excluded.expires_at`,
		hashOneTime(code), fmt.Sprintf("recovery_code_%d", number), recoveryCodeLifetime, user.ID)
}

// groupDigits writes a code as people copy it.
func groupDigits(code string) string {
	var groups []string
	for group := range slices.Chunk([]byte(code), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}

// readRecoveryCode takes a code as people type it; "" is none of ours.
func readRecoveryCode(typed string) string {
	code := strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(typed))
	if !recoveryCodeForm.MatchString(code) {
		return ""
	}
	return code
}

// recovered is who came back, and the sessions that ended with it.
type recovered struct {
	user   *User
	opened session
	ended  []string
}

// recoverByCode signs in with a recovery code, once, or returns errInvalidRecovery after
// the same work in any case.
func (a *Auth) recoverByCode(ctx context.Context, email, code string, from client) (session, error) {
	var user *User
	var counted attempt
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		account := nameKey(email)
		user, err = db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1 AND users.is_active`, identityKey(email))
		if err == nil {
			account = userKey(user)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		counted, err = a.countAttempt(ctx, db, "recovery", from, account)
		return err
	})
	if err != nil {
		return session{}, err
	}
	return a.recover(ctx, user, from, func(ctx context.Context, db conn) (*User, error) {
		return takeRecoveryCode(ctx, db, user, readRecoveryCode(code), counted)
	})
}

// takeRecoveryCode returns the user, locked, whose code it is, or nil. One statement takes
// the code, so that of any number at once exactly one succeeds.
func takeRecoveryCode(ctx context.Context, db conn, of *User, code string, counted attempt) (*User, error) {
	id := int64(0) // is nobody's
	if of != nil {
		id = of.ID
	}
	user, err := lockUser(ctx, db, id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	taken, err := db.exists(ctx, `DELETE FROM auth_tokens WHERE token_hash = $1 AND user_id = $2 AND purpose LIKE 'recovery_code_%'
		AND expires_at > clock_timestamp() RETURNING token_hash`, hashOneTime(code), id)
	if err != nil || !taken || user == nil {
		return nil, err
	}
	return user, giveBack(ctx, db, counted)
}

// recoverByToken signs in with the token of a mailed link, once.
func (a *Auth) recoverByToken(ctx context.Context, token string, from client) (session, error) {
	counted, err := a.countAlone(ctx, "recovery", from)
	if err != nil {
		return session{}, err
	}
	return a.recover(ctx, nil, from, func(ctx context.Context, db conn) (*User, error) {
		if !a.config.PasskeyEmailRecovery {
			return nil, nil
		}
		user, err := takeOneTime(ctx, db, token, toRecover)
		if errors.Is(err, errInvalidLink) || err == nil && !user.IsVerified() {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return user, giveBack(ctx, db, counted)
	})
}

// recover opens a session for whom take returns, and ends all others of that user.
func (a *Auth) recover(ctx context.Context, meant *User, from client, take func(context.Context, conn) (*User, error)) (session, error) {
	var done recovered
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		if done.user, err = take(ctx, db); err != nil || done.user == nil {
			return err
		}
		if done.ended, err = endSessions(ctx, db, done.user.ID, ""); err != nil {
			return err
		}
		if err := a.rememberAddress(ctx, db, done.user, from); err != nil {
			return err
		}
		done.opened, err = a.openSession(ctx, db, done.user, byRecovery, from)
		return err
	})
	if err != nil {
		return session{}, err
	}
	if done.user == nil {
		a.logFailedRecovery(ctx, meant, from)
		return session{}, errInvalidRecovery
	}
	a.reportRecovered(ctx, done, from)
	return done.opened, nil
}

func (a *Auth) logFailedRecovery(ctx context.Context, meant *User, from client) {
	about := []slog.Attr{slog.String("ip", from.ip)}
	if meant != nil {
		about = slices.Insert(about, 0, slog.Int64("user_id", meant.ID))
	}
	logEvent(ctx, a.log, slog.LevelWarn, "auth.passkey.recovery_failed", about...)
}

func (a *Auth) reportRecovered(ctx context.Context, done recovered, from client) {
	logEvent(ctx, a.log, slog.LevelInfo, "auth.passkey.recovered",
		slog.Int64("user_id", done.user.ID), slog.String("ip", from.ip), slog.String("session", sessionHash(done.opened.id)))
	a.logEnded(ctx, done.ended, done.user, from)
	a.mails.accountRecovered(done.user, from)
}

// requestRecovery mails a link to the owner of that address, if it is verified. Whether
// there is one must not show in how long the answer takes, so that nobody looks before it
// is sent.
func (a *Auth) requestRecovery(ctx context.Context, email string, from client, baseURL string) error {
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		_, err := a.countAttempt(ctx, db, "recovery_request", from, nameKey(email))
		return err
	})
	if err == nil {
		a.jobs.submit(func(ctx context.Context) { a.mailRecoveryLink(ctx, email, from, baseURL) })
	}
	return err
}

func (a *Auth) mailRecoveryLink(ctx context.Context, email string, from client, baseURL string) {
	var user *User
	var token string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		user, token, err = issueRecovery(ctx, db, email)
		return err
	})
	if err != nil {
		a.logFailure(ctx, err)
	}
	if err != nil || user == nil {
		return
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.passkey.recovery_sent", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.recoveryLink(user.Email, baseURL, token)
}

func issueRecovery(ctx context.Context, db conn, email string) (*User, string, error) {
	user, err := db.user(ctx, `SELECT `+userColumns+` FROM users
		WHERE users.email_key = $1 AND users.email_verified_at IS NOT NULL AND users.is_active`, identityKey(email))
	if errors.Is(err, sql.ErrNoRows) {
		// As much is written as for somebody: the next request could tell.
		_, err = claimHourly(ctx, db, "recovery:nobody")
		return nil, "", err
	}
	if err != nil {
		return nil, "", err
	}
	token, err := issueOneTime(ctx, db, user, toRecover)
	return user, token, err
}
