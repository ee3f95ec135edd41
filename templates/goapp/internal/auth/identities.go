// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

import (
	"context"
	"errors"
	"strings"
	"unicode"
)

// An identity is somebody at a provider, who never changes: the pair of the provider
// and its subject. Addresses do change hands, so that one alone opens no account.

// service is who says who somebody is.
type service struct {
	name  string // in paths and answers
	title string // in mails
	key   string // what its identities are stored under
	// fastman: if oauth
	// clientRegistration is empty where tokens alone come from.
	clientRegistration
	// fastman: end
}

// profile is what a provider says of somebody.
type profile struct {
	service   *service
	subject   string // never given to somebody else
	email     string // which the provider has verified; "" without one
	name      string
	avatarURL string
	// fastman: if oauth
	// authoritative: the provider itself gives out the address.
	authoritative bool
	// fastman: end
}

// errRaced is a row that another request has written first: looking again finds it.
var errRaced = errors.New("another request was faster")

const nameMax = 200 // characters

// raceTries are far more than can be lost: each loss is to somebody who has finished.
const raceTries = 10

func cleanName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name))
	if runes := []rune(name); len(runes) > nameMax {
		return string(runes[:nameMax])
	}
	return name
}

// retry runs work in a transaction, and again where another one was faster.
func (a *Auth) retry(ctx context.Context, work func(context.Context, conn) error) error {
	err := errRaced
	for try := 0; try < raceTries && errors.Is(err, errRaced); try++ {
		err = a.store.write(ctx, work)
	}
	return err
}

// subjectsOf returns whom a provider knows the user as.
func subjectsOf(ctx context.Context, db conn, user *User, s *service) ([]string, error) {
	return db.texts(ctx, `SELECT subject FROM oauth_accounts WHERE user_id = $1 AND provider = $2`, user.ID, s.key)
}

// identityOwner returns the user of an identity, locked, or sql.ErrNoRows.
func identityOwner(ctx context.Context, db conn, who profile) (*User, error) {
	return db.user(ctx, `SELECT `+userColumns+` FROM users
		WHERE users.id = (SELECT user_id FROM oauth_accounts WHERE provider = $1 AND subject = $2) FOR NO KEY UPDATE`,
		who.service.key, who.subject)
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

// dropIdentitiesBeside is dropIdentities but for those of the provider that somebody
// signed in with.
func (a *Auth) dropIdentitiesBeside(ctx context.Context, db conn, user *User, method string) error {
	kept := a.serviceOf(method)
	if kept == nil {
		return dropIdentities(ctx, db, user)
	}
	return db.exec(ctx, `DELETE FROM oauth_accounts WHERE user_id = $1 AND provider <> $2`, user.ID, kept.key)
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
