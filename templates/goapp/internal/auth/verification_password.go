// fastman: file jwt
package auth

import (
	"context"
	"net/http"
)

var errWrongPasswordOfLink = &problem{status: http.StatusUnauthorized, detail: "Incorrect password"}

// verifyWithPassword is verifyWithSession without a session, for whoever knows the
// account's password. A wrong one counts as a failed sign-in and leaves the token as
// it is.
func (a *Auth) verifyWithPassword(ctx context.Context, token, password string, from client) error {
	counted, err := a.countAlone(ctx, "verify", from)
	if err != nil {
		return err
	}
	owner, err := a.ownerOf(ctx, token, toVerify)
	if err != nil {
		return err
	}
	find := func(ctx context.Context, db conn) (*User, error) { return findUser(ctx, db, owner.ID) }
	p, err := a.checkPassword(ctx, password, owner.Email, find, from)
	if err != nil {
		return err
	}
	var ended []string
	err = a.store.write(ctx, func(ctx context.Context, db conn) error {
		user, err := accept(ctx, db, p)
		if err != nil {
			return err
		}
		if user == nil {
			return errWrongPasswordOfLink
		}
		ended, err = a.verify(ctx, db, token, owner, nil, counted)
		return err
	})
	if err != nil {
		return err
	}
	a.reportVerified(ctx, owner, ended, from)
	return nil
}
