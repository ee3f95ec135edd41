// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"net/http"
)

// errInvalidLink is a mailed token that is unknown, used, too old, replaced by a newer
// one, or for another address.
var errInvalidLink = &problem{status: http.StatusBadRequest, detail: "Invalid or expired token"}

// purpose is what a mailed token is for. There is one of each for a user.
type purpose string

const (
	// fastman: if jwt
	toReset purpose = "reset"
	// fastman: end
	// fastman: if passkey
	toRecover purpose = "recovery"
	// fastman: end
	toVerify purpose = "verify"
)

// lifetime is in seconds.
func (p purpose) lifetime() int {
	// fastman: if jwt
	if p == toReset {
		return hour / 2
	}
	// fastman: end
	// fastman: if passkey
	if p == toRecover {
		return hour / 2
	}
	// fastman: end
	return 24 * hour
}

// issueOneTime returns a new token, which replaces the one before. Only its hash is
// stored.
func issueOneTime(ctx context.Context, db conn, user *User, why purpose) (string, error) {
	token := randomText(32)
	err := db.exec(ctx, `INSERT INTO auth_tokens (token_hash, purpose, user_id, email_key, created_at, expires_at)
		SELECT $1, $2, id, email_key, clock_timestamp(), clock_timestamp() + make_interval(secs => $3) FROM users WHERE id = $4
		ON CONFLICT (user_id, purpose) DO UPDATE SET token_hash = excluded.token_hash, email_key = excluded.email_key,
			created_at = excluded.created_at, expires_at = excluded.expires_at`,
		hashOneTime(token), string(why), why.lifetime(), user.ID)
	return token, err
}

// findOneTime returns whose token it is, and leaves it; or errInvalidLink.
func findOneTime(ctx context.Context, db conn, token string, why purpose) (*User, error) {
	user, err := db.user(ctx, `SELECT `+userColumns+` FROM users JOIN auth_tokens ON auth_tokens.user_id = users.id
		WHERE auth_tokens.token_hash = $1 AND auth_tokens.purpose = $2 AND auth_tokens.expires_at > clock_timestamp()
		AND auth_tokens.email_key = users.email_key AND users.is_active`, hashOneTime(token), string(why))
	return user, orInvalidLink(err)
}

// fastman: if jwt
// ownerOf is findOneTime outside of a transaction.
func (a *Auth) ownerOf(ctx context.Context, token string, why purpose) (*User, error) {
	return read(ctx, a.store, func(ctx context.Context, db conn) (*User, error) { return findOneTime(ctx, db, token, why) })
}

// fastman: end
// takeOneTime uses a token up, and returns its user, locked; or errInvalidLink. The
// user is locked first, as wherever a credential changes. One statement then takes the
// token, so that of any number at once exactly one succeeds.
func takeOneTime(ctx context.Context, db conn, token string, why purpose) (*User, error) {
	owner, err := findOneTime(ctx, db, token, why)
	if err != nil {
		return nil, err
	}
	user, err := lockUser(ctx, db, owner.ID)
	if err != nil {
		return nil, orInvalidLink(err)
	}
	taken, err := db.exists(ctx, `DELETE FROM auth_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > clock_timestamp()
		AND email_key = (SELECT email_key FROM users WHERE users.id = $3) RETURNING token_hash`, hashOneTime(token), string(why), user.ID)
	if err == nil && !taken {
		return nil, errInvalidLink
	}
	return user, err
}

func orInvalidLink(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errInvalidLink
	}
	return err
}

// fastman: if jwt
func dropOneTime(ctx context.Context, db conn, user *User, why purpose) error {
	return db.exec(ctx, `DELETE FROM auth_tokens WHERE user_id = $1 AND purpose = $2`, user.ID, string(why))
}

// fastman: end
func hashOneTime(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64url.EncodeToString(sum[:])
}
