// fastman: file oauth
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"slices"
)

// Whom somebody at a provider is let in as.

var (
	errNoVerifiedEmail = &problem{status: http.StatusForbidden, detail: "The provider has no verified e-mail address of yours"}
	errInactive        = &problem{status: http.StatusForbidden, detail: "This account is not active"}
)

// admit finds the user of an identity, or makes one. The address decides only where the
// identity is new.
func (a *Auth) admit(ctx context.Context, db conn, who profile) (admission, error) {
	user, err := identityOwner(ctx, db, who)
	switch {
	case err == nil:
		return admitOwner(ctx, db, user, who)
	case !errors.Is(err, sql.ErrNoRows):
		return admission{}, err
	case who.email == "":
		return admission{}, errNoVerifiedEmail
	}
	user, err = db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1 FOR NO KEY UPDATE`, identityKey(who.email))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return makeUser(ctx, db, who)
	case err != nil:
		return admission{}, err
	case !user.IsActive:
		return admission{}, errInactive
	case !user.IsVerified():
		return takeOver(ctx, db, user, who)
	}
	return a.linkByEmail(ctx, db, user, who)
}

// linkByEmail gives the identity to a verified account with its address, if the
// provider may decide that. Where the account has one of that provider already, the
// address has changed hands there.
func (a *Auth) linkByEmail(ctx context.Context, db conn, user *User, who profile) (admission, error) {
	subjects, err := subjectsOf(ctx, db, user, who.service)
	switch {
	case err != nil:
		return admission{}, err
	case slices.Contains(subjects, who.subject): // since we have looked
		return admission{}, errRaced
	case len(subjects) > 0, !who.authoritative && a.config.OAuthLinkByEmail != linkVerified:
		return admission{}, errEmailHasAccount
	}
	if err := attach(ctx, db, user, who); err != nil {
		return admission{}, err
	}
	return admission{user: user, linked: true}, useIdentity(ctx, db, user, who)
}

func admitOwner(ctx context.Context, db conn, user *User, who profile) (admission, error) {
	if !user.IsActive {
		return admission{}, errInactive
	}
	if err := useIdentity(ctx, db, user, who); err != nil {
		return admission{}, err
	}
	return follow(ctx, db, user, who)
}

func makeUser(ctx context.Context, db conn, who profile) (admission, error) {
	var id int64
	err := db.row(ctx, `INSERT INTO users (email, email_key, name, avatar_url, oauth_provider, is_active, is_superuser,
			email_verified_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, TRUE, FALSE, clock_timestamp(), clock_timestamp(), clock_timestamp())
		ON CONFLICT DO NOTHING RETURNING id`,
		who.email, identityKey(who.email), orNull(who.name), orNull(who.avatarURL), who.service.name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return admission{}, errRaced
	}
	if err != nil {
		return admission{}, err
	}
	user, err := findUser(ctx, db, id)
	if err != nil {
		return admission{}, err
	}
	if err := insertIdentity(ctx, db, user, who); err != nil {
		return admission{}, err
	}
	return admission{user: user}, useIdentity(ctx, db, user, who)
}

// admitBrowser signs in by a cookie.
func (a *Auth) admitBrowser(w http.ResponseWriter, r *http.Request, who profile, from client) error {
	var done admission
	var opened session
	var cookie string
	err := a.retry(r.Context(), func(ctx context.Context, db conn) (err error) {
		if done, err = a.admit(ctx, db, who); err != nil {
			return err
		}
		if err = a.rememberSignIn(ctx, db, done.user, from); err != nil {
			return err
		}
		if opened, err = a.openSession(ctx, db, done.user, who.service.name, from); err != nil {
			return err
		}
		cookie, err = giveCookie(ctx, db, opened.id, a.readCookie(r, sessionCookie))
		return err
	})
	if err != nil {
		return err
	}
	a.setCookie(w, sessionCookie, cookie, a.config.SessionMax)
	a.reportAdmission(r.Context(), done, who.service, from)
	a.logSignedIn(r.Context(), who.service.name, opened, from)
	return nil
}

// admitApp signs in by a code, which the native app exchanges for tokens.
func (a *Auth) admitApp(ctx context.Context, who profile, to destination, from client) (address string, err error) {
	var done admission
	err = a.retry(ctx, func(ctx context.Context, db conn) (err error) {
		if done, err = a.admit(ctx, db, who); err != nil {
			return err
		}
		if err = a.rememberSignIn(ctx, db, done.user, from); err != nil {
			return err
		}
		address, err = issueCode(ctx, db, done.user, who.service, to)
		return err
	})
	if err == nil {
		a.reportAdmission(ctx, done, who.service, from)
	}
	return address, err
}

// rememberSignIn takes a sign-in that succeeded out of the count of those that began.
func (a *Auth) rememberSignIn(ctx context.Context, db conn, user *User, from client) error {
	for _, b := range boundsOf("oauth", from, "") {
		if err := giveBack(ctx, db, attempt{b.key}); err != nil {
			return err
		}
	}
	return a.rememberAddress(ctx, db, user, from)
}

func (a *Auth) logSignedIn(ctx context.Context, provider string, opened session, from client) {
	logEvent(ctx, a.log, slog.LevelInfo, "auth.oauth.ok", slog.String("provider", provider),
		slog.Int64("user_id", opened.userID), slog.String("ip", from.ip), slog.String("session", sessionHash(opened.id)))
}
