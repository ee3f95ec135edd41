// fastman: file jwt or oauth or passkey
package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Attempts are counted in rows, so that the bounds on them hold across replicas.

const hour = 60 * 60 // seconds

// bound allows so many attempts under a key, in a window that the first of them opens.
type bound struct {
	key     string
	limit   int
	seconds int
	lenient bool // not for an address that the account was used from
}

// attempt is the keys that one try was counted under, to be given back if it succeeds.
type attempt []string

// userKey names an account in the keys of its counters.
func userKey(user *User) string { return "u" + strconv.FormatInt(user.ID, 10) }

// nameKey names what may be nobody's account: such names are counted like all others.
// The name is normalized, so that all spellings count as one.
func nameKey(name string) string {
	// What people type as a name may be a secret.
	sum := sha256.Sum256([]byte(identityKey(name)))
	return base64url.EncodeToString(sum[:])[:22]
}

// countAlone counts an attempt that concerns no account.
func (a *Auth) countAlone(ctx context.Context, purpose string, from client) (attempt, error) {
	var counted attempt
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		counted, err = a.countAttempt(ctx, db, purpose, from, "")
		return err
	})
	return counted, err
}

// countAttempt counts before the work is done, or returns the problem of too many;
// that rolls back what was counted on the way. Past the bound of an account only
// addresses that it was used from may try, so that nobody can lock its owner out from
// elsewhere.
func (a *Auth) countAttempt(ctx context.Context, db conn, purpose string, from client, account string) (attempt, error) {
	var keys attempt
	for _, b := range boundsOf(purpose, from, account) {
		attempts, secondsLeft, err := count(ctx, db, b)
		if err != nil {
			return nil, err
		}
		allowed := attempts <= b.limit
		if !allowed && b.lenient {
			if allowed, err = isKnown(ctx, db, account, from); err != nil {
				return nil, err
			}
		}
		if !allowed {
			logEvent(ctx, a.log, slog.LevelWarn, "auth.throttled", slog.String("purpose", purpose), slog.String("ip", from.ip))
			return nil, tooMany(secondsLeft)
		}
		keys = append(keys, b.key)
	}
	return keys, nil
}

func tooMany(secondsLeft float64) *problem {
	return &problem{
		status:     http.StatusTooManyRequests,
		detail:     "Too many attempts, try again later",
		retryAfter: max(1, int(secondsLeft)+1),
	}
}

// boundsOf returns them in one order everywhere, so that two transactions never wait
// for each other.
func boundsOf(purpose string, from client, account string) []bound {
	var bounds []bound
	if from.network != "" {
		bounds = append(bounds, bound{key: purpose + ":ip:" + from.network, limit: 100, seconds: hour / 4})
	}
	if account != "" {
		bounds = append(bounds,
			bound{key: purpose + ":account-ip:" + account + ":" + from.accountNetwork, limit: 10, seconds: hour / 4},
			bound{key: purpose + ":account:" + account, limit: 100, seconds: 24 * hour, lenient: true})
	}
	slices.SortFunc(bounds, func(a, b bound) int { return cmp.Compare(a.key, b.key) })
	return bounds
}

// count adds one under a key in one statement; a window that is over begins anew.
func count(ctx context.Context, db conn, b bound) (attempts int, secondsLeft float64, err error) {
	err = db.row(ctx, `INSERT INTO auth_throttle (key, count, window_start, expires_at)
		VALUES ($1, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $2))
		ON CONFLICT (key) DO UPDATE SET
			count = CASE WHEN auth_throttle.expires_at <= clock_timestamp()
				THEN 1 ELSE auth_throttle.count + 1 END,
			window_start = CASE WHEN auth_throttle.expires_at <= clock_timestamp()
				THEN excluded.window_start ELSE auth_throttle.window_start END,
			expires_at = CASE WHEN auth_throttle.expires_at <= clock_timestamp()
				THEN excluded.expires_at ELSE auth_throttle.expires_at END
		RETURNING count, extract(epoch FROM expires_at - clock_timestamp())`, b.key, b.seconds).Scan(&attempts, &secondsLeft)
	return attempts, secondsLeft, err
}

// giveBack takes an attempt out of the counts.
func giveBack(ctx context.Context, db conn, counted attempt) error {
	for _, key := range counted {
		if err := db.exec(ctx, `UPDATE auth_throttle SET count = count - 1 WHERE key = $1 AND count > 0`, key); err != nil {
			return err
		}
	}
	return nil
}

// fastman: if jwt
// lift lets the owner of an account sign in again, at least from here.
func lift(ctx context.Context, db conn, user *User, from client) error {
	for _, b := range boundsOf("login", client{accountNetwork: from.accountNetwork}, userKey(user)) {
		if err := db.exec(ctx, `DELETE FROM auth_throttle WHERE key = $1`, b.key); err != nil {
			return err
		}
	}
	return nil
}

// fastman: end
// rememberAddress keeps where an account was used from for as long as a session can
// last, under both keys that its attempts are counted by: who forgot a password is
// counted without being looked up.
func (a *Auth) rememberAddress(ctx context.Context, db conn, user *User, from client) error {
	accounts := []string{userKey(user), nameKey(user.Email)}
	slices.Sort(accounts)
	for _, account := range accounts {
		err := db.exec(ctx, `INSERT INTO auth_throttle (key, count, window_start, expires_at)
			VALUES ($1, 0, clock_timestamp(), clock_timestamp() + make_interval(secs => $2))
			ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at`,
			knownKey(account, from), int(a.config.SessionMax/time.Second))
		if err != nil {
			return err
		}
	}
	return nil
}

func isKnown(ctx context.Context, db conn, account string, from client) (bool, error) {
	return db.exists(ctx, `SELECT key FROM auth_throttle WHERE key = $1 AND expires_at > clock_timestamp()`, knownKey(account, from))
}

func knownKey(account string, from client) string {
	return "known:" + account + ":" + from.accountNetwork
}

// fastman: if jwt or passkey
// claimHourly tells whether this is the first time within an hour, for any replica.
func claimHourly(ctx context.Context, db conn, key string) (bool, error) {
	attempts, _, err := count(ctx, db, bound{key: key, seconds: hour})
	return attempts == 1, err
}

// fastman: end
