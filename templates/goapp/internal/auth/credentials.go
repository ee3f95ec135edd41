// fastman: file jwt
package auth

import (
	"context"
	"database/sql"
	"errors"
)

// proof is what a password has shown.
type proof struct {
	user     *User // as it was read before the hash was computed; nil: nobody was meant
	attempt  attempt
	matches  bool
	rehashed string // what to keep from now on instead, if anything
}

// finder returns a user, or sql.ErrNoRows.
type finder func(ctx context.Context, db conn) (*User, error)

// checkPassword compares with the password of the user whom find returns, in the same
// time whoever is meant. The name is counted when nobody has it. It returns errBusy,
// without counting, when too many hashes wait.
func (a *Auth) checkPassword(ctx context.Context, password, name string, find finder, from client) (proof, error) {
	leave, err := a.hashing.enter()
	if err != nil {
		return proof{}, err
	}
	defer leave()
	var p proof
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		account := nameKey(name)
		if p.user, err = find(ctx, db); err == nil {
			account = userKey(p.user)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		p.attempt, err = a.countAttempt(ctx, db, "login", from, account)
		return err
	})
	if err != nil {
		return proof{}, err
	}
	return p, a.compare(ctx, password, &p)
}

// compare takes a hash's worth of time in any case.
func (a *Auth) compare(ctx context.Context, password string, p *proof) error {
	stored := ""
	if p.user != nil && p.user.hashedPassword != nil {
		stored = *p.user.hashedPassword
	}
	var failed error
	err := a.hashing.run(ctx, func() {
		p.matches = verifyPassword(password, stored, a.config.BcryptRounds)
		if p.matches && needsRehash(stored, a.config.BcryptRounds) {
			p.rehashed, failed = hashPassword(password, a.config.BcryptRounds)
		}
	})
	return errors.Join(err, failed)
}

// hash takes its turn among all hashes of this process.
func (a *Auth) hash(ctx context.Context, password string) (hashed string, err error) {
	busy := a.hashing.do(ctx, func() { hashed, err = hashPassword(password, a.config.BcryptRounds) })
	return hashed, errors.Join(busy, err)
}

// accept returns the user, locked, if the password that was checked is still the one;
// else nil.
func accept(ctx context.Context, db conn, p proof) (*User, error) {
	if p.user == nil || !p.matches {
		return nil, nil
	}
	user, err := lockUser(ctx, db, p.user.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if user.hashedPassword == nil || *user.hashedPassword != *p.user.hashedPassword {
		return nil, nil
	}
	if p.rehashed != "" {
		if err := setPassword(ctx, db, user, p.rehashed); err != nil {
			return nil, err
		}
	}
	return user, giveBack(ctx, db, p.attempt)
}

func setPassword(ctx context.Context, db conn, user *User, hashed string) error {
	return db.exec(ctx, `UPDATE users SET hashed_password = $1, updated_at = clock_timestamp() WHERE id = $2`, hashed, user.ID)
}

// checkNewPassword holds a password against the policy, as at sign-up, for a user who
// is known.
func (a *Auth) checkNewPassword(password string, user *User) error {
	username := ""
	if user.Username != nil {
		username = *user.Username
	}
	if err := a.policy.check(password, user.Email, username); err != nil {
		return bodyError("value_error", err.Error(), "new_password")
	}
	return nil
}
