// fastman: file jwt
package auth

import (
	"context"
	"errors"
)

// takenMail begins the key of what is counted: mails to whoever has the address.
const takenMail = "mail:taken:"

// register makes an account, or returns errEmailTaken or errUsernameTaken.
func (a *Auth) register(ctx context.Context, wanted registration, password string, from client) (*User, error) {
	hashed, err := a.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	var user *User
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		user, err = insertUser(ctx, db, wanted, &hashed)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.logRegistered(ctx, user, from)
	return user, nil
}

// registerUnseen makes an account if it can be made; only its address gets to know.
func (a *Auth) registerUnseen(ctx context.Context, wanted registration, password string, from client, baseURL string) error {
	user, err := a.register(ctx, wanted, password, from)
	switch {
	case errors.Is(err, errEmailTaken):
		return a.tellOwner(ctx, wanted.email)
	case errors.Is(err, errUsernameTaken):
		return a.tellOnceAnHour(ctx, takenMail+nameKey(wanted.email), func() { a.mails.usernameTaken(wanted.email) })
	case err != nil:
		return err
	}
	return a.mailVerifyLink(ctx, user, baseURL)
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
	return a.tellOnceAnHour(ctx, takenMail+nameKey(stored), func() { a.mails.alreadyRegistered(stored) })
}

// mailVerifyLink is for an account that has just begun.
func (a *Auth) mailVerifyLink(ctx context.Context, user *User, baseURL string) error {
	var token string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		token, err = issueOneTime(ctx, db, user, toVerify)
		return err
	})
	if err == nil {
		a.mails.verifyLink(user.Email, baseURL, token)
	}
	return err
}
