// fastman: file oauth
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// An identity is somebody at a provider, who never changes: the pair of the provider
// and its subject. Addresses do change hands, so that one alone opens no account.

var (
	errNoVerifiedEmail = &problem{status: http.StatusForbidden, detail: "The provider has no verified e-mail address of yours"}
	errEmailHasAccount = &problem{status: http.StatusConflict, detail: "An account with this e-mail address exists: sign in first, then link"}
	errInactive        = &problem{status: http.StatusForbidden, detail: "This account is not active"}
	errIdentityTaken   = &problem{status: http.StatusConflict, detail: "This identity belongs to another account"}
	errNotLinked       = &problem{status: http.StatusNotFound, detail: "Provider not linked"}
	errLastWayIn       = &problem{status: http.StatusConflict, detail: "This is the last way to sign in"}
)

// errRaced is a row that another request has written first: looking again finds it.
var errRaced = errors.New("another request was faster")

// raceTries are far more than can be lost: each loss is to somebody who has finished.
const raceTries = 10

// retry runs work in a transaction, and again where another one was faster.
func (a *Auth) retry(ctx context.Context, work func(context.Context, conn) error) error {
	err := errRaced
	for try := 0; try < raceTries && errors.Is(err, errRaced); try++ {
		err = a.store.write(ctx, work)
	}
	return err
}

// admission is whom an identity lets in, and what that changed.
type admission struct {
	user      *User // locked
	linked    bool  // an account that was there got the identity
	takenOver bool  // an address was nobody's before
	ended     []string
}

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
	known, err := hasIdentity(ctx, db, user, who.service)
	if err != nil {
		return admission{}, err
	}
	if known || !who.authoritative && a.config.OAuthLinkByEmail != linkVerified {
		return admission{}, errEmailHasAccount
	}
	if err := attach(ctx, db, user, who); err != nil {
		return admission{}, err
	}
	return admission{user: user, linked: true}, useIdentity(ctx, db, user, who)
}

// isLinked tells whether the user has an identity of the provider.
func (a *Auth) isLinked(ctx context.Context, user *User, s *service) (bool, error) {
	return read(ctx, a.store, func(ctx context.Context, db conn) (bool, error) { return hasIdentity(ctx, db, user, s) })
}

func hasIdentity(ctx context.Context, db conn, user *User, s *service) (bool, error) {
	return db.exists(ctx, `SELECT subject FROM oauth_accounts WHERE user_id = $1 AND provider = $2`, user.ID, s.key)
}

// identityOwner returns the user of an identity, locked, or sql.ErrNoRows.
func identityOwner(ctx context.Context, db conn, who profile) (*User, error) {
	return db.user(ctx, `SELECT `+userColumns+` FROM users
		WHERE users.id = (SELECT user_id FROM oauth_accounts WHERE provider = $1 AND subject = $2) FOR NO KEY UPDATE`,
		who.service.key, who.subject)
}

func admitOwner(ctx context.Context, db conn, user *User, who profile) (admission, error) {
	if !user.IsActive {
		return admission{}, errInactive
	}
	if err := useIdentity(ctx, db, user, who); err != nil {
		return admission{}, err
	}
	if !user.IsVerified() && who.email != "" && identityKey(who.email) == identityKey(user.Email) {
		return takeOver(ctx, db, user, who)
	}
	return admission{user: user}, showProfile(ctx, db, user, who)
}

// useIdentity writes down that somebody signs in. The address is only to be shown.
func useIdentity(ctx context.Context, db conn, user *User, who profile) error {
	found, err := db.exists(ctx, `UPDATE oauth_accounts SET last_used_at = clock_timestamp(), email = $1
		WHERE provider = $2 AND subject = $3 AND user_id = $4 RETURNING subject`,
		orNull(who.email), who.service.key, who.subject, user.ID)
	if err == nil && !found { // before the lock it was unlinked
		return errRaced
	}
	return err
}

// showProfile brings name and picture up to date where the account came from there, or
// has none.
func showProfile(ctx context.Context, db conn, user *User, who profile) error {
	return db.exec(ctx, `UPDATE users SET
			name = CASE WHEN name IS NULL OR oauth_provider = $1 THEN coalesce($2, name) ELSE name END,
			avatar_url = CASE WHEN avatar_url IS NULL OR oauth_provider = $1 THEN coalesce($3, avatar_url) ELSE avatar_url END
		WHERE id = $4`, who.service.name, orNull(who.name), orNull(who.avatarURL), user.ID)
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

// takeOver gives an account whose address nobody had proved to the one who has: whoever
// opened it keeps no way in.
func takeOver(ctx context.Context, db conn, user *User, who profile) (admission, error) {
	if err := dropIdentities(ctx, db, user); err != nil {
		return admission{}, err
	}
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

// dropIdentities removes all identities of a user, and those that are being linked.
func dropIdentities(ctx context.Context, db conn, user *User) error {
	for _, statement := range []string{
		`DELETE FROM oauth_accounts WHERE user_id = $1`,
		`DELETE FROM auth_challenges WHERE user_id = $1`,
		`UPDATE users SET oauth_provider = NULL WHERE id = $1`,
	} {
		if err := db.exec(ctx, statement, user.ID); err != nil {
			return err
		}
	}
	return nil
}

func insertIdentity(ctx context.Context, db conn, user *User, who profile) error {
	made, err := db.exists(ctx, `INSERT INTO oauth_accounts (user_id, provider, subject, email, created_at)
		VALUES ($1, $2, $3, $4, clock_timestamp())
		ON CONFLICT DO NOTHING RETURNING subject`, user.ID, who.service.key, who.subject, orNull(who.email))
	if err == nil && !made {
		return errRaced
	}
	return err
}

// attach gives a user one more identity, which fills in what is not known of them.
func attach(ctx context.Context, db conn, user *User, who profile) error {
	if err := insertIdentity(ctx, db, user, who); err != nil {
		return err
	}
	return db.exec(ctx, `UPDATE users SET name = coalesce(name, $1), avatar_url = coalesce(avatar_url, $2),
		oauth_provider = coalesce(oauth_provider, $3) WHERE id = $4`,
		orNull(who.name), orNull(who.avatarURL), who.service.name, user.ID)
}

// link gives an identity to the user of a session that is still alive.
func (a *Auth) link(ctx context.Context, who profile, userID int64, sessionID string, from client) error {
	var user *User
	added := false
	err := a.retry(ctx, func(ctx context.Context, db conn) (err error) {
		user, added, err = a.linkOnce(ctx, db, who, userID, sessionID)
		return err
	})
	if err != nil || !added {
		return err
	}
	a.reportLinked(ctx, user, who.service, from)
	return nil
}

func (a *Auth) linkOnce(ctx context.Context, db conn, who profile, userID int64, sessionID string) (user *User, added bool, err error) {
	user, err = lockUser(ctx, db, userID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, errInvalidState
	}
	if err != nil {
		return nil, false, err
	}
	alive, err := db.exists(ctx, `SELECT id FROM auth_sessions WHERE id = $1 AND user_id = $2`+liveSession(a.config.SessionMax), sessionID, userID)
	if err == nil && !alive {
		err = errInvalidState
	}
	if err != nil {
		return nil, false, err
	}
	var owner int64
	err = db.row(ctx, `SELECT user_id FROM oauth_accounts WHERE provider = $1 AND subject = $2`, who.service.key, who.subject).Scan(&owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user, true, attach(ctx, db, user, who)
	case err == nil && owner != userID:
		err = errIdentityTaken
	}
	return user, false, err
}

func (a *Auth) reportLinked(ctx context.Context, user *User, s *service, from client) {
	logEvent(ctx, a.log, slog.LevelInfo, "auth.oauth.linked",
		slog.String("provider", s.name), slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.mails.providerLinked(user, s.title, from)
}

// unlink takes all identities of a provider from a user, unless no other way to sign in
// is left, and ends the other sessions that began with them.
func (a *Auth) unlink(ctx context.Context, user *User, s *service, current *Claims, from client) error {
	var ended []string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		ended, err = a.unlinkOnce(ctx, db, user, s, current)
		return err
	})
	if err != nil {
		return err
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.oauth.unlinked",
		slog.String("provider", s.name), slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.logEnded(ctx, ended, user, from)
	a.mails.providerUnlinked(user, s.title, from)
	return nil
}

func (a *Auth) unlinkOnce(ctx context.Context, db conn, user *User, s *service, current *Claims) ([]string, error) {
	now, err := lockUser(ctx, db, user.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNotLinked
	}
	if err != nil {
		return nil, err
	}
	gone, err := db.exists(ctx, `DELETE FROM oauth_accounts WHERE user_id = $1 AND provider = $2 RETURNING subject`, now.ID, s.key)
	if err == nil && !gone {
		err = errNotLinked
	}
	if err != nil {
		return nil, err
	}
	if err := a.wantWayIn(ctx, db, now); err != nil {
		return nil, err
	}
	err = db.exec(ctx, `UPDATE users SET oauth_provider = NULL, updated_at = clock_timestamp() WHERE id = $1 AND oauth_provider = $2`, now.ID, s.name)
	if err != nil {
		return nil, err
	}
	return db.texts(ctx, `DELETE FROM auth_sessions WHERE user_id = $1 AND method = $2 AND id <> $3 RETURNING id`, now.ID, s.name, current.SessionID)
}

// wantWayIn returns errLastWayIn for a locked user who could not sign in again. An
// identity of a provider that this app no longer has is no way in.
func (a *Auth) wantWayIn(ctx context.Context, db conn, user *User) error {
	// fastman: if jwt
	if user.hashedPassword != nil {
		return nil
	}
	// fastman: end
	keys, err := db.texts(ctx, `SELECT provider FROM oauth_accounts WHERE user_id = $1`, user.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys, func(key string) bool { return a.nameOf(key) != "" }) {
		return errLastWayIn
	}
	return nil
}

// nameOf returns the name of the provider whose identities are stored under a key.
func (a *Auth) nameOf(key string) string {
	for _, s := range a.services {
		if s.key == key {
			return s.name
		}
	}
	return ""
}

// publicIdentity is how an identity is listed.
type publicIdentity struct {
	Provider   string     `json:"provider"`
	Email      *string    `json:"email"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// listIdentities returns those of a user, the oldest first.
func (a *Auth) listIdentities(ctx context.Context, userID int64) ([]publicIdentity, error) {
	return read(ctx, a.store, func(ctx context.Context, db conn) ([]publicIdentity, error) {
		return collect(ctx, db, a.scanIdentity, `SELECT provider, email, created_at, last_used_at
			FROM oauth_accounts WHERE user_id = $1 ORDER BY id`, userID)
	})
}

func (a *Auth) scanIdentity(row scanner) (i publicIdentity, err error) {
	if err := row.Scan(&i.Provider, &i.Email, &i.CreatedAt, &i.LastUsedAt); err != nil {
		return i, err
	}
	if name := a.nameOf(i.Provider); name != "" {
		i.Provider = name
	}
	i.CreatedAt = i.CreatedAt.UTC()
	if i.LastUsedAt != nil {
		used := i.LastUsedAt.UTC()
		i.LastUsedAt = &used
	}
	return i, nil
}
