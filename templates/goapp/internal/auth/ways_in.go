// fastman: file oauth or keycloak or passkey and jwt or oauth or passkey
package auth

import (
	"context"
	"net/http"
)

var errLastWayIn = &problem{status: http.StatusConflict, detail: "This is the last way to sign in"}

// wantWayIn returns errLastWayIn for a locked user who could not sign in again.
func (a *Auth) wantWayIn(ctx context.Context, db conn, user *User) error {
	// fastman: if jwt
	if user.hashedPassword != nil {
		return nil
	}
	// fastman: end
	// fastman: if passkey
	if found, err := hasPasskey(ctx, db, user); found || err != nil {
		return err
	}
	// fastman: end
	// fastman: if oauth or keycloak
	if found, err := a.hasIdentity(ctx, db, user); found || err != nil {
		return err
	}
	// fastman: end
	return errLastWayIn
}
