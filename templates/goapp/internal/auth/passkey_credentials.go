// fastman: file passkey
package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The passkeys of an account, and what their user can do with them.

const deviceNameMax = 100 // characters

var errPasskeyNotFound = &problem{status: http.StatusNotFound, detail: "Passkey not found"}

// passkey is a credential as it is stored.
type passkey struct {
	id             string // base64url, as everywhere in WebAuthn's JSON
	userID         int64
	publicKey      []byte // COSE
	signCount      int64
	transports     []string
	aaguid         string
	backupEligible bool
	backedUp       bool
	deviceName     string
	createdAt      time.Time
	lastUsedAt     *time.Time

	handle   string // of its user
	isActive bool   // its user is
}

const passkeyColumns = `passkey_credentials.id, passkey_credentials.user_id, passkey_credentials.public_key, passkey_credentials.sign_count,
	passkey_credentials.transports, passkey_credentials.aaguid, passkey_credentials.backup_eligible, passkey_credentials.backed_up,
	passkey_credentials.device_name, passkey_credentials.created_at, passkey_credentials.last_used_at`

// scanPasskey reads passkeyColumns; a row that is not there is sql.ErrNoRows.
func scanPasskey(row scanner) (p passkey, err error) {
	var key, transports string
	err = row.Scan(&p.id, &p.userID, &key, &p.signCount, &transports, &p.aaguid, &p.backupEligible, &p.backedUp,
		&p.deviceName, &p.createdAt, &p.lastUsedAt)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(transports), &p.transports); err != nil {
		return p, err
	}
	p.publicKey, err = base64url.DecodeString(key)
	return p, err
}

// findPasskey returns the passkey of that id with its user, or one without an id.
func findPasskey(ctx context.Context, db conn, id string) (passkey, error) {
	var handle *string
	var isActive bool
	row := db.row(ctx, `SELECT `+passkeyColumns+`, users.webauthn_handle, users.is_active
		FROM passkey_credentials JOIN users ON users.id = passkey_credentials.user_id WHERE passkey_credentials.id = $1`, id)
	p, err := scanPasskey(rowWith{row, []any{&handle, &isActive}})
	if errors.Is(err, sql.ErrNoRows) || err == nil && handle == nil {
		return passkey{}, nil
	}
	if err != nil {
		return passkey{}, err
	}
	p.handle, p.isActive = *handle, isActive
	return p, nil
}

// findPasskeys returns those of a user, the oldest first.
func findPasskeys(ctx context.Context, db conn, userID int64) ([]passkey, error) {
	return collect(ctx, db, scanPasskey, `SELECT `+passkeyColumns+` FROM passkey_credentials
		WHERE user_id = $1 ORDER BY created_at, id`, userID)
}

// hasPasskey tells whether the user can sign in with one.
func hasPasskey(ctx context.Context, db conn, user *User) (bool, error) {
	return db.exists(ctx, `SELECT id FROM passkey_credentials WHERE user_id = $1 LIMIT 1`, user.ID)
}

// storePasskey gives a locked or new user a passkey. The device knows the account by the
// handle, which is the one of all its passkeys.
func storePasskey(ctx context.Context, db conn, user *User, handle string, p passkey) error {
	same, err := db.exists(ctx, `UPDATE users SET webauthn_handle = $1, updated_at = clock_timestamp()
		WHERE id = $2 AND coalesce(webauthn_handle, $1) = $1 RETURNING email`, handle, user.ID)
	if err == nil && !same {
		err = misfit{"challenge", user.ID}
	}
	if err != nil {
		return err
	}
	made, err := db.exists(ctx, `INSERT INTO passkey_credentials (id, user_id, public_key, sign_count, transports, aaguid,
			backup_eligible, backed_up, device_name, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING id`,
		p.id, user.ID, base64url.EncodeToString(p.publicKey), p.signCount, writeTransports(p.transports), p.aaguid,
		p.backupEligible, p.backedUp, p.deviceName)
	if err == nil && !made {
		err = misfit{reason: "taken"}
	}
	return err
}

// publicPasskey is how a passkey is listed.
type publicPasskey struct {
	ID         string     `json:"id"`
	DeviceName string     `json:"device_name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	BackedUp   bool       `json:"backed_up"`
	Transports []string   `json:"transports"`
}

func (p passkey) public() publicPasskey {
	shown := publicPasskey{ID: p.id, DeviceName: p.deviceName, CreatedAt: p.createdAt.UTC(), BackedUp: p.backedUp, Transports: p.transports}
	if p.lastUsedAt != nil {
		used := p.lastUsedAt.UTC()
		shown.LastUsedAt = &used
	}
	return shown
}

func (a *Auth) listPasskeys(ctx context.Context, userID int64) ([]publicPasskey, error) {
	all, err := read(ctx, a.store, func(ctx context.Context, db conn) ([]passkey, error) { return findPasskeys(ctx, db, userID) })
	shown := make([]publicPasskey, len(all)) // in JSON a list, also when it is empty
	for i, p := range all {
		shown[i] = p.public()
	}
	return shown, err
}

// normalizeDeviceName returns the name without the spaces around it.
func normalizeDeviceName(name string) (string, error) {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "", refusal("Device name must not hold control characters")
	}
	name = strings.TrimSpace(name)
	if length := utf8.RuneCountInString(name); length < 1 || length > deviceNameMax {
		return "", refusal("Device name must have 1 to 100 characters")
	}
	return name, nil
}

// renamePasskey returns the passkey under its new name, or errPasskeyNotFound.
func (a *Auth) renamePasskey(ctx context.Context, user *User, id, name string) (renamed publicPasskey, err error) {
	err = a.store.write(ctx, func(ctx context.Context, db conn) error {
		p, err := scanPasskey(db.row(ctx, `UPDATE passkey_credentials SET device_name = $1
			WHERE id = $2 AND user_id = $3 RETURNING `+strings.ReplaceAll(passkeyColumns, "passkey_credentials.", ""), name, id, user.ID))
		renamed = p.public()
		return orPasskeyNotFound(err)
	})
	return renamed, err
}

func orPasskeyNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errPasskeyNotFound
	}
	return err
}

// wantPasskey returns errPasskeyNotFound for what is none of the user's passkeys.
func (a *Auth) wantPasskey(ctx context.Context, user *User, id string) error {
	found, err := read(ctx, a.store, func(ctx context.Context, db conn) (bool, error) {
		return db.exists(ctx, `SELECT id FROM passkey_credentials WHERE id = $1 AND user_id = $2`, id, user.ID)
	})
	if err == nil && !found {
		return errPasskeyNotFound
	}
	return err
}

// removePasskey takes a passkey from its user, unless no other way to sign in is left,
// and ends the other sessions that began with one.
func (a *Auth) removePasskey(ctx context.Context, user *User, id, sessionID string, from client) error {
	var ended []string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		ended, err = a.removeOnce(ctx, db, user, id, sessionID)
		return err
	})
	if err != nil {
		return err
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.passkey.removed", slog.Int64("user_id", user.ID), slog.String("ip", from.ip))
	a.logEnded(ctx, ended, user, from)
	a.mails.passkeyRemoved(user, from)
	return nil
}

func (a *Auth) removeOnce(ctx context.Context, db conn, user *User, id, sessionID string) ([]string, error) {
	now, err := lockUser(ctx, db, user.ID)
	if err != nil {
		return nil, orPasskeyNotFound(err)
	}
	gone, err := db.exists(ctx, `DELETE FROM passkey_credentials WHERE id = $1 AND user_id = $2 RETURNING id`, id, now.ID)
	if err == nil && !gone {
		err = errPasskeyNotFound
	}
	if err != nil {
		return nil, err
	}
	if err := a.wantWayIn(ctx, db, now); err != nil {
		return nil, err
	}
	return db.texts(ctx, `DELETE FROM auth_sessions WHERE user_id = $1 AND method = $2 AND id <> $3 RETURNING id`, now.ID, byPasskey, sessionID)
}

// dropPasskeys removes all passkeys of a user, those that are being made, and what stands
// in for them.
func dropPasskeys(ctx context.Context, db conn, user *User) error {
	for _, statement := range []string{
		`DELETE FROM passkey_credentials WHERE user_id = $1`,
		`DELETE FROM auth_challenges WHERE user_id = $1`,
		`DELETE FROM auth_tokens WHERE user_id = $1 AND purpose LIKE 'recovery%'`,
		`UPDATE users SET webauthn_handle = NULL WHERE id = $1`,
	} {
		if err := db.exec(ctx, statement, user.ID); err != nil {
			return err
		}
	}
	return nil
}

// dropPasskeysBeside is dropPasskeys unless somebody signed in with one: only a session
// of the account itself can have put them there.
func dropPasskeysBeside(ctx context.Context, db conn, user *User, method string) error {
	if method == byPasskey || method == byRecovery {
		return nil
	}
	return dropPasskeys(ctx, db, user)
}
