// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

import (
	"context"
	"log/slog"
	"net/http"
)

var errEmailHasAccount = &problem{status: http.StatusConflict, detail: "An account with this e-mail address exists: sign in first, then link"}

// admission is whom an identity lets in, and what that changed.
type admission struct {
	user      *User // locked
	linked    bool  // an account that was there got the identity
	takenOver bool  // an address was nobody's before
	ended     []string
}

// takeOver gives an account whose address nobody had proved to the one who has: whoever
// opened it keeps no way in.
func takeOver(ctx context.Context, db conn, user *User, who profile) (admission, error) {
	if err := dropIdentities(ctx, db, user); err != nil {
		return admission{}, err
	}
	// fastman: if passkey
	if err := dropPasskeys(ctx, db, user); err != nil {
		return admission{}, err
	}
	// fastman: end
	err := db.exec(ctx, `UPDATE users SET hashed_password = NULL, name = $1, avatar_url = $2, oauth_provider = $3,
		email_verified_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $4`,
		orNull(who.name), orNull(who.avatarURL), who.service.name, user.ID)
	if err != nil {
		return admission{}, err
	}
	if err := db.exec(ctx, `DELETE FROM auth_tokens WHERE user_id = $1`, user.ID); err != nil {
		return admission{}, err
	}
	ended, err := endSessions(ctx, db, user.ID, "")
	if err != nil {
		return admission{}, err
	}
	if err := insertIdentity(ctx, db, user, who); err != nil {
		return admission{}, err
	}
	return admission{user: user, takenOver: true, ended: ended}, useIdentity(ctx, db, user, who)
}

// follow brings an account up to date with what is said of one of its identities: who has
// proved its address by now, which nobody had, takes it over.
func follow(ctx context.Context, db conn, user *User, who profile) (admission, error) {
	if !user.IsVerified() && who.email != "" && identityKey(who.email) == identityKey(user.Email) {
		return takeOver(ctx, db, user, who)
	}
	return admission{user: user}, showProfile(ctx, db, user, who)
}

func (a *Auth) reportAdmission(ctx context.Context, done admission, s *service, from client) {
	a.logEnded(ctx, done.ended, done.user, from)
	if done.takenOver {
		logEvent(ctx, a.log, slog.LevelInfo, "auth.account.takeover", slog.Int64("user_id", done.user.ID), slog.String("ip", from.ip))
		a.mails.takenOver(done.user, from)
	}
	if done.linked {
		a.reportLinked(ctx, done.user, s, from)
	}
}
