// fastman: file passkey
package auth

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"slices"
)

// A passkey is made, and used, in a ceremony of two requests (WebAuthn Level 3, section
// 7): we give out a challenge, and the device signs it. The challenge is a row, which any
// replica takes, once.

// How a session began.
const (
	byPasskey  = "passkey"
	byRecovery = "recovery"
)

const ceremonyLifetime = 5 * 60 // seconds

var (
	registrationChallenge   = challenge{purpose: "passkey_register", lifetime: ceremonyLifetime}
	authenticationChallenge = challenge{purpose: "passkey_authenticate", lifetime: ceremonyLifetime}
)

// What a client gets to know, for whatever reason.
var (
	errNoRegistration   = &problem{status: http.StatusBadRequest, detail: "Passkey could not be registered"}
	errNoAuthentication = &problem{status: http.StatusBadRequest, detail: "Passkey could not be verified"}
)

// misfit is why a passkey is refused, in one word of the log.
type misfit struct {
	reason string
	userID int64 // 0: nobody is known to be meant
}

func (m misfit) Error() string { return "the passkey is refused: " + m.reason }

// newcomer is a registration under way, as its challenge keeps it.
type newcomer struct {
	Email    string  `json:"email"`
	Username *string `json:"username,omitempty"`
	Handle   string  `json:"handle"`            // as the device will know the account
	Session  string  `json:"session,omitempty"` // whose user adds a passkey
}

// caller is who asks to register: nobody yet, or a user who is signed in.
type caller struct {
	user      *User
	sessionID string
	// fastman: if oauth or ui
	// byCookie is a session that its browser holds, and no page.
	byCookie bool
	// fastman: end
}

// owns tells whether the caller may add a passkey to the account of an address. Every
// other account is entered with its passkeys alone.
func (c caller) owns(email string) bool {
	return c.user != nil && identityKey(c.user.Email) == identityKey(email)
}

// beginRegistration returns what a browser makes a passkey from. Whether the address has
// an account is not looked at.
func (a *Auth) beginRegistration(ctx context.Context, wanted registration, by caller, from client) (creationOptions, error) {
	begun := newcomer{Email: wanted.email, Username: wanted.username, Handle: randomText(32)}
	of := holder{emailKey: orNull(identityKey(wanted.email))}
	secret, known := randomText(32), []passkey{}
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		if by.owns(wanted.email) {
			begun, of.userID = newcomer{Email: by.user.Email, Handle: begun.Handle, Session: by.sessionID}, &by.user.ID
			if known, err = findPasskeys(ctx, db, by.user.ID); err != nil {
				return err
			}
			begun.Handle, err = handleOf(ctx, db, by.user.ID, begun.Handle)
		} else {
			err = wantUsername(ctx, db, wanted)
		}
		if err != nil {
			return err
		}
		if _, err := a.countAttempt(ctx, db, "passkey", from, ""); err != nil {
			return err
		}
		return registrationChallenge.issue(ctx, db, secret, of, begun)
	})
	a.purgeSoon()
	return a.config.creationOptions(secret, begun, by, known), err
}

// handleOf returns the handle of an account, or the one that it will get.
func handleOf(ctx context.Context, db conn, userID int64, fresh string) (handle string, err error) {
	err = db.row(ctx, `SELECT coalesce(webauthn_handle, $1) FROM users WHERE id = $2`, fresh, userID).Scan(&handle)
	return handle, err
}

// wantUsername returns errUsernameTaken before somebody has made a passkey for nothing.
func wantUsername(ctx context.Context, db conn, wanted registration) error {
	if wanted.username == nil {
		return nil
	}
	taken, err := db.exists(ctx, `SELECT username FROM users WHERE username_key = $1`, wanted.usernameKey())
	if err == nil && taken {
		return errUsernameTaken
	}
	return err
}

// registered is a passkey that was stored, and the session of its user.
type registered struct {
	passkey passkey
	user    *User
	session session
	joined  bool // the account is new
}

// finishRegistration stores the passkey that a browser has made: of a new account, or of
// the one whose user asks.
func (a *Auth) finishRegistration(ctx context.Context, email, deviceName string, made attestation, by caller, from client) (registered, error) {
	var begun newcomer
	userID, err := a.takeChallenge(ctx, registrationChallenge, made.clientData.challenge, &begun)
	if err != nil {
		return registered{}, err
	}
	if identityKey(begun.Email) != identityKey(email) {
		return registered{}, misfit{reason: "challenge"}
	}
	if userID != nil && (by.user == nil || by.user.ID != *userID || by.sessionID != begun.Session) {
		return registered{}, misfit{reason: "challenge", userID: *userID}
	}
	done := registered{user: by.user, joined: userID == nil}
	if done.passkey, err = a.config.verifyAttestation(made); err != nil {
		return registered{}, err
	}
	done.passkey.deviceName = deviceName
	err = a.store.write(ctx, func(ctx context.Context, db conn) error {
		if done.joined {
			return a.join(ctx, db, begun, &done, from)
		}
		return a.addPasskey(ctx, db, begun, &done, from)
	})
	return done, err
}

// takeChallenge uses up the challenge that a device has signed, whatever comes of it.
func (a *Auth) takeChallenge(ctx context.Context, of challenge, secret string, data any) (userID *int64, err error) {
	found := false
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		userID, found, err = of.take(ctx, db, secret, "", data)
		return err
	})
	if err == nil && !found {
		err = misfit{reason: "challenge"}
	}
	return userID, err
}

// join makes the account, and signs in. Who is first is left to the unique indexes.
func (a *Auth) join(ctx context.Context, db conn, begun newcomer, done *registered, from client) (err error) {
	done.user, err = insertUser(ctx, db, registration{begun.Email, begun.Username}, nil)
	if errors.Is(err, errEmailTaken) {
		return misfit{reason: "foreign"}
	}
	if err != nil {
		return err
	}
	if err := storePasskey(ctx, db, done.user, begun.Handle, done.passkey); err != nil {
		return err
	}
	done.session, err = a.enter(ctx, db, done.user, byPasskey, from)
	return err
}

// addPasskey gives one more passkey to the user of a session that is still alive.
func (a *Auth) addPasskey(ctx context.Context, db conn, begun newcomer, done *registered, from client) error {
	user, err := lockUser(ctx, db, done.user.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return misfit{reason: "inactive", userID: done.user.ID}
	}
	if err != nil {
		return err
	}
	if done.session, err = a.findSession(ctx, db, user, begun.Session); err != nil {
		return err
	}
	if err := storePasskey(ctx, db, user, begun.Handle, done.passkey); err != nil {
		return err
	}
	return giveBackPasskey(ctx, db, from)
}

// findSession returns a live session of the user.
func (a *Auth) findSession(ctx context.Context, db conn, user *User, id string) (session, error) {
	s := session{id: id, userID: user.ID}
	err := db.row(ctx, `SELECT method, refresh_counter, salt FROM auth_sessions WHERE id = $1 AND user_id = $2`+
		liveSession(a.config.SessionMax), id, user.ID).Scan(&s.method, &s.counter, &s.salt)
	if errors.Is(err, sql.ErrNoRows) {
		err = misfit{reason: "challenge", userID: user.ID}
	}
	return s, err
}

// enter opens a session for somebody who has shown who they are.
func (a *Auth) enter(ctx context.Context, db conn, user *User, method string, from client) (session, error) {
	if err := giveBackPasskey(ctx, db, from); err != nil {
		return session{}, err
	}
	if err := a.rememberAddress(ctx, db, user, from); err != nil {
		return session{}, err
	}
	return a.openSession(ctx, db, user, method, from)
}

func giveBackPasskey(ctx context.Context, db conn, from client) error {
	var counted attempt
	for _, b := range boundsOf("passkey", from, "") {
		counted = append(counted, b.key)
	}
	return giveBack(ctx, db, counted)
}

// beginAuthentication returns what a browser signs in with: any passkey that it knows
// for this app, so that nobody has to say who they are.
func (a *Auth) beginAuthentication(ctx context.Context, from client) (requestOptions, error) {
	secret := randomText(32)
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		if _, err := a.countAttempt(ctx, db, "passkey", from, ""); err != nil {
			return err
		}
		return authenticationChallenge.issue(ctx, db, secret, holder{}, struct{}{})
	})
	a.purgeSoon()
	return a.config.requestOptions(secret), err
}

// finishAuthentication signs in with what a device has signed.
func (a *Auth) finishAuthentication(ctx context.Context, shown assertion, from client) (session, error) {
	if _, err := a.takeChallenge(ctx, authenticationChallenge, shown.clientData.challenge, &struct{}{}); err != nil {
		return session{}, err
	}
	known, err := read(ctx, a.store, func(ctx context.Context, db conn) (passkey, error) { return findPasskey(ctx, db, shown.id) })
	if err != nil {
		return session{}, err
	}
	used, err := a.config.verifyAssertion(shown, known)
	if err != nil {
		return session{}, misfitOf(err, known.userID)
	}
	if isCopied(known, used) {
		logEvent(ctx, a.log, slog.LevelWarn, "auth.passkey.cloned", slog.Int64("user_id", known.userID), slog.String("ip", from.ip))
		return session{}, misfit{"counter", known.userID}
	}
	var opened session
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		opened, err = a.usePasskey(ctx, db, known, used, from)
		return err
	})
	return opened, err
}

// isCopied finds a device that counts its signatures and has fallen behind: there are
// two of it (WebAuthn Level 3, section 6.1.1). Passkeys that are synced do not count.
func isCopied(before, now passkey) bool {
	return (before.signCount > 0 || now.signCount > 0) && now.signCount <= before.signCount
}

// usePasskey leaves it to the counter who is first of those who show the same signature.
func (a *Auth) usePasskey(ctx context.Context, db conn, known, used passkey, from client) (session, error) {
	user, err := lockUser(ctx, db, known.userID)
	if errors.Is(err, sql.ErrNoRows) {
		return session{}, misfit{"inactive", known.userID}
	}
	if err != nil {
		return session{}, err
	}
	first, err := db.exists(ctx, `UPDATE passkey_credentials SET sign_count = $1, backed_up = $2, last_used_at = clock_timestamp()
		WHERE id = $3 AND sign_count = $4 RETURNING id`, used.signCount, used.backedUp, known.id, known.signCount)
	if err == nil && !first {
		err = misfit{"counter", known.userID}
	}
	if err != nil {
		return session{}, err
	}
	return a.enter(ctx, db, user, byPasskey, from)
}

// misfitOf says whose passkey it is.
func misfitOf(err error, userID int64) error {
	if why, ok := errors.AsType[misfit](err); ok {
		return misfit{why.reason, userID}
	}
	return err
}

// refusePasskey logs why a passkey is not taken, and returns what the client gets to know.
func (a *Auth) refusePasskey(ctx context.Context, err error, told *problem, from client) error {
	why, ok := errors.AsType[misfit](err)
	if !ok {
		return err
	}
	about := []slog.Attr{slog.String("ip", from.ip), slog.String("reason", why.reason)}
	if why.userID != 0 {
		about = slices.Insert(about, 0, slog.Int64("user_id", why.userID))
	}
	logEvent(ctx, a.log, slog.LevelWarn, "auth.passkey.failed", about...)
	return told
}

// tellPasskeyOwner mails to whoever has the account that somebody else wanted to enter.
func (a *Auth) tellPasskeyOwner(ctx context.Context, email string) error {
	owner, err := read(ctx, a.store, func(ctx context.Context, db conn) (*User, error) {
		return db.user(ctx, `SELECT `+userColumns+` FROM users WHERE users.email_key = $1`, identityKey(email))
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the account has gone since
	}
	if err != nil {
		return err
	}
	return a.tellOnceAnHour(ctx, "mail:passkey:"+userKey(owner), func() { a.mails.passkeyRefused(owner.Email) })
}
