// fastman: file oauth or passkey
package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// challenge is what was begun and waits for its answer, as a row: any replica can take
// it, and only one takes it, once.
type challenge struct {
	purpose  string
	lifetime int // seconds
}

// holder is whom a challenge is for, as far as that is known.
type holder struct {
	browser  string // a secret of the one that may answer; "": any may
	userID   *int64
	emailKey *string
}

// issue stores what taking the challenge will return. Of the two secrets only hashes
// are stored: that of the answer, and that of the browser which may give it, if only
// one may.
func (c challenge) issue(ctx context.Context, db conn, secret string, of holder, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return db.exec(ctx, `INSERT INTO auth_challenges (id, purpose, user_id, email_key, data, browser_hash, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp() + make_interval(secs => $7))`,
		hashOneTime(secret), c.purpose, of.userID, of.emailKey, string(text), hashOrNull(of.browser), c.lifetime)
}

// take uses the challenge up. It returns false where there is none for these secrets:
// somebody else's browser does not use it up.
func (c challenge) take(ctx context.Context, db conn, secret, browser string, data any) (userID *int64, found bool, err error) {
	var text string
	err = db.row(ctx, `DELETE FROM auth_challenges WHERE id = $1 AND purpose = $2 AND expires_at > clock_timestamp()
		AND coalesce(browser_hash, '') = coalesce($3, '') RETURNING user_id, data`,
		hashOneTime(secret), c.purpose, hashOrNull(browser)).Scan(&userID, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return userID, true, json.Unmarshal([]byte(text), data)
}

func hashOrNull(secret string) *string {
	if secret == "" {
		return nil
	}
	return orNull(hashOneTime(secret))
}
