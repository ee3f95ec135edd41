// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"encoding/json"
	"time"
)

// User is somebody who has an account. Its JSON is what GET /me answers.
type User struct {
	ID            int64   // never given to another account
	Email         string  // as it was typed, but for the domain: in small letters
	Username      *string // nil: the account has none
	Name          *string // to be shown; nil: nobody has said it
	AvatarURL     *string // of a picture; nil: there is none
	OAuthProvider *string // where the account came from; nil: it started here
	IsActive      bool    // false: nobody can sign in, and no session of it goes on
	IsSuperuser   bool    // whom RequireSuperuser lets through

	EmailVerifiedAt *time.Time // nil until somebody has proved that the address is theirs
	CreatedAt       time.Time
	UpdatedAt       time.Time

	hashedPassword *string // nil: the account has no password
	// fastman: if keycloak
	// roles are those of the token of Keycloak that the user has come with.
	roles []string
	// fastman: end
}

// IsVerified tells whether the owner of the e-mail address has proved it.
func (u *User) IsVerified() bool { return u.EmailVerifiedAt != nil }

// MarshalJSON leaves out what is nobody's business.
func (u *User) MarshalJSON() ([]byte, error) { return json.Marshal(u.public()) }

type publicUser struct {
	ID            int64     `json:"id"`
	Email         string    `json:"email"`
	Username      *string   `json:"username"`
	Name          *string   `json:"name"`
	AvatarURL     *string   `json:"avatar_url"`
	IsActive      bool      `json:"is_active"`
	IsSuperuser   bool      `json:"is_superuser"`
	IsVerified    bool      `json:"is_verified"`
	OAuthProvider *string   `json:"oauth_provider"`
	CreatedAt     time.Time `json:"created_at"`
	// fastman: if keycloak
	// Roles are in the answer of GET /me alone.
	Roles []string `json:"roles,omitzero"`
	// fastman: end
}

func (u *User) public() publicUser {
	return publicUser{
		ID:            u.ID,
		Email:         u.Email,
		Username:      u.Username,
		Name:          u.Name,
		AvatarURL:     u.AvatarURL,
		IsActive:      u.IsActive,
		IsSuperuser:   u.IsSuperuser,
		IsVerified:    u.IsVerified(),
		OAuthProvider: u.OAuthProvider,
		CreatedAt:     u.CreatedAt.UTC(),
	}
}

// userColumns are what scanUser reads, in its order.
const userColumns = `users.id, users.email, users.username, users.name, users.avatar_url, users.oauth_provider,
	users.is_active, users.is_superuser, users.email_verified_at, users.created_at, users.updated_at, users.hashed_password`

type scanner interface{ Scan(into ...any) error }

// scanUser reads userColumns; a row that is not there is sql.ErrNoRows.
func scanUser(row scanner) (*User, error) {
	var u User
	err := row.Scan(&u.ID, &u.Email, &u.Username, &u.Name, &u.AvatarURL, &u.OAuthProvider,
		&u.IsActive, &u.IsSuperuser, &u.EmailVerifiedAt, &u.CreatedAt, &u.UpdatedAt, &u.hashedPassword)
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// fastman: if oauth or keycloak or passkey
// rowWith scans more columns behind those that are asked for.
type rowWith struct {
	row  scanner
	more []any
}

func (r rowWith) Scan(into ...any) error { return r.row.Scan(append(into, r.more...)...) }

// fastman: end
// findUser returns the user of that id, or sql.ErrNoRows.
func findUser(ctx context.Context, db conn, id int64) (*User, error) {
	return db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.id = $1`, id)
}

// lockUser returns an active user as it is now, whom nobody else changes until the end
// of the transaction; or sql.ErrNoRows. Sessions and tokens of the user can be made
// meanwhile. Whoever takes other locks takes this one first, so that nobody waits in
// a circle.
func lockUser(ctx context.Context, db conn, id int64) (*User, error) {
	return db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.id = $1 AND users.is_active FOR NO KEY UPDATE`, id)
}
