// fastman: file oauth or passkey or keycloak and jwt or oauth or passkey
package auth

import "context"

// dropOtherWays leaves of the ways into an account only the one by which its address was
// proved, which was nobody's: whatever else opens the account may be a stranger's.
func (a *Auth) dropOtherWays(ctx context.Context, db conn, user *User, by *Claims) error {
	method, err := methodOf(ctx, db, by)
	if err != nil {
		return err
	}
	// fastman: if oauth or keycloak
	if err := a.dropIdentitiesBeside(ctx, db, user, method); err != nil {
		return err
	}
	// fastman: end
	// fastman: if passkey
	if err := dropPasskeysBeside(ctx, db, user, method); err != nil {
		return err
	}
	// fastman: end
	// fastman: if jwt
	if err := dropPasswordBeside(ctx, db, user, method); err != nil {
		return err
	}
	// fastman: end
	// fastman: if oauth or passkey
	if err := db.exec(ctx, `DELETE FROM auth_challenges WHERE user_id = $1`, user.ID); err != nil {
		return err
	}
	// fastman: end
	return nil
}

// methodOf returns how somebody signed in who presents a link.
func methodOf(ctx context.Context, db conn, by *Claims) (method string, err error) {
	// fastman: if jwt
	if by == nil {
		return byPassword, nil
	}
	// fastman: end
	// fastman: if keycloak
	if by.keycloak != nil {
		return byKeycloak, nil
	}
	// fastman: end
	err = db.row(ctx, `SELECT method FROM auth_sessions WHERE id = $1`, by.SessionID).Scan(&method)
	return method, orInvalidToken(err)
}

// fastman: if jwt
// dropPasswordBeside takes the password away unless somebody signed in with it.
func dropPasswordBeside(ctx context.Context, db conn, user *User, method string) error {
	if method == byPassword {
		return nil
	}
	return db.exec(ctx, `UPDATE users SET hashed_password = NULL, updated_at = clock_timestamp() WHERE id = $1`, user.ID)
}

// fastman: end
