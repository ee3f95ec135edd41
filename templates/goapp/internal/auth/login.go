// fastman: file jwt
package auth

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
)

// byPassword is how a session began.
const byPassword = "password"

// errInvalidCredentials is no account, another password, none at all, or an account
// that is disabled.
var errInvalidCredentials = &problem{status: http.StatusUnauthorized, detail: "Incorrect username or password"}

// logIn opens a session, or returns errInvalidCredentials after the same work in any
// case.
func (a *Auth) logIn(ctx context.Context, identifier, password string, from client) (Token, error) {
	name := loginKey(identifier, !a.config.production())
	find := func(ctx context.Context, db conn) (*User, error) { return findActive(ctx, db, name) }
	p, err := a.checkPassword(ctx, password, name, find, from)
	if err != nil {
		return Token{}, err
	}
	var opened session
	// The attempt of who must verify first stays counted, as one on a taken address does.
	if p.matches && (p.user.IsVerified() || !a.config.HideRegistered) {
		err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
			opened, err = a.signIn(ctx, db, p, from)
			return err
		})
	}
	if err != nil {
		return Token{}, err
	}
	if opened.id == "" {
		a.logFailedLogin(ctx, p.user, from)
		return Token{}, errInvalidCredentials
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.login.ok",
		slog.Int64("user_id", opened.userID), slog.String("ip", from.ip), slog.String("session", sessionHash(opened.id)))
	a.purgeSoon()
	return a.issueTokens(opened)
}

func (a *Auth) logFailedLogin(ctx context.Context, user *User, from client) {
	id := slog.Any("user_id", nil)
	if user != nil {
		id = slog.Int64("user_id", user.ID)
	}
	logEvent(ctx, a.log, slog.LevelWarn, "auth.login.failed", id, slog.String("ip", from.ip))
}

func findActive(ctx context.Context, db conn, name string) (*User, error) {
	if strings.Contains(name, "@") {
		return db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1 AND users.is_active`, name)
	}
	return db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.username_key = $1 AND users.is_active`, name)
}

// signIn returns no session if the account or its password has changed meanwhile.
func (a *Auth) signIn(ctx context.Context, db conn, p proof, from client) (session, error) {
	user, err := accept(ctx, db, p)
	if err != nil || user == nil {
		return session{}, err
	}
	if err := a.rememberAddress(ctx, db, user, from); err != nil {
		return session{}, err
	}
	return a.openSession(ctx, db, user, byPassword, from)
}
