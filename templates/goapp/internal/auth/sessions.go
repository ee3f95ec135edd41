// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A session is a row that every token points to, and whose deletion ends them.

// refreshGrace is in seconds. Two tabs may refresh at once, and an answer may be
// lost: for this long the refresh token before the newest one is answered with the
// newest.
const refreshGrace = 10

// recentLogin is in seconds.
const recentLogin = 10 * 60

// liveSession ends a condition on auth_sessions: neither idle nor old for too long.
func liveSession(max time.Duration) string {
	return fmt.Sprintf(` AND auth_sessions.expires_at > clock_timestamp()
		AND auth_sessions.created_at > clock_timestamp() + make_interval(secs => -%d)`, max/time.Second)
}

// One statement for every request of a signed-in user.
const selectCurrentUser = `SELECT ` + userColumns + `
	FROM auth_sessions JOIN users ON users.id = auth_sessions.user_id
	WHERE auth_sessions.id = $1 AND users.id = $2 AND users.is_active`

var selectSession = fmt.Sprintf(`SELECT auth_sessions.user_id, auth_sessions.method, auth_sessions.refresh_counter,
	auth_sessions.refreshed_at > clock_timestamp() + make_interval(secs => -%d)
	FROM auth_sessions JOIN users ON users.id = auth_sessions.user_id
	WHERE auth_sessions.id = $1 AND auth_sessions.salt = $2 AND users.is_active`, refreshGrace)

// The counter decides who rotates: of any number at once, one finds it unchanged.
const (
	rotateSession = `UPDATE auth_sessions SET refresh_counter = refresh_counter + 1, refreshed_at = clock_timestamp(),
		last_seen_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => %d)
		WHERE auth_sessions.id = $1 AND salt = $2 AND refresh_counter = $3
		AND EXISTS (SELECT 1 FROM users WHERE users.id = auth_sessions.user_id AND users.is_active)`
	rotatedColumns = ` RETURNING user_id, method, refresh_counter`
)

const selectSalt = `SELECT salt FROM auth_sessions WHERE id = $1`

// session is what its newest tokens are made of.
type session struct {
	id      string
	userID  int64
	method  string // how it began
	counter int64
	salt    string
	inGrace bool // it was rotated so recently that the token before is good, too
}

// Token is what a sign-in and a refresh answer.
type Token struct {
	AccessToken  string `json:"access_token"`  // goes with every request, as a bearer token
	TokenType    string `json:"token_type"`    // "bearer"
	ExpiresIn    int    `json:"expires_in"`    // seconds that the access token is good for
	RefreshToken string `json:"refresh_token"` // is exchanged for new tokens, once
}

func (a *Auth) issueTokens(s session) (Token, error) {
	lifetime := a.config.AccessTokenLifetime
	// fastman: if passkey
	if s.method == byPasskey {
		lifetime = a.config.PasskeyTokenLifetime
	}
	// fastman: end
	access, err := a.tokens.issueAccess(s.userID, s.id, lifetime)
	return Token{
		AccessToken:  access,
		TokenType:    "bearer",
		ExpiresIn:    int(lifetime / time.Second),
		RefreshToken: a.tokens.issueRefresh(s.id, s.counter, s.salt),
	}, err
}

func (a *Auth) openSession(ctx context.Context, db conn, user *User, method string, from client) (session, error) {
	s := session{id: randomText(16), userID: user.ID, method: method, salt: randomText(32)}
	err := db.exec(ctx, `INSERT INTO auth_sessions (id, user_id, method, salt, refresh_counter, refreshed_at, ip, user_agent,
			created_at, authenticated_at, last_seen_at, expires_at)
		VALUES ($1, $2, $3, $4, 0, clock_timestamp(), $5, $6,
			clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(secs => $7))`,
		s.id, s.userID, s.method, s.salt, orNull(from.ip), from.userAgent, int(a.config.SessionIdle/time.Second))
	return s, err
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// refresh returns new tokens for a refresh token, or errInvalidToken. Only failures
// are counted: who has a genuine token is not guessing.
func (a *Auth) refresh(ctx context.Context, text string, from client) (Token, error) {
	given, err := readRefresh(text)
	var s session
	if err == nil {
		s, err = a.rotate(ctx, given, from)
	}
	if errors.Is(err, errInvalidToken) {
		if _, err := a.countAlone(ctx, "refresh", from); err != nil {
			return Token{}, err
		}
	}
	if err != nil {
		return Token{}, err
	}
	a.purgeSoon()
	return a.issueTokens(s)
}

// rotate moves the counter of a session, repeats the last rotation, or ends a session
// whose token was copied. No transaction is needed: the one UPDATE decides.
func (a *Auth) rotate(ctx context.Context, given refreshToken, from client) (session, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	salt, err := a.genuineSalt(ctx, given)
	if err != nil {
		return session{}, err
	}
	s := session{id: given.sessionID, salt: salt}
	if err = a.store.moveCounter(ctx, given, &s); !errors.Is(err, sql.ErrNoRows) {
		return s, err
	}
	err = a.store.findSession.row(ctx, s.id, s.salt).Scan(&s.userID, &s.method, &s.counter, &s.inGrace)
	if err != nil {
		return session{}, orInvalidToken(err)
	}
	if given.counter == s.counter-1 && s.inGrace {
		return s, nil
	}
	return session{}, a.endReused(ctx, s, from)
}

// genuineSalt returns the salt that proves a refresh token genuine, or errInvalidToken.
// One that is remembered saves a query. It is no more than a guess that the statements
// which follow compare, so that nothing rests on it.
func (a *Auth) genuineSalt(ctx context.Context, given refreshToken) (string, error) {
	if salt, known := a.salts.find(given.sessionID); known && a.tokens.isGenuine(given, salt) {
		return salt, nil
	}
	var salt string
	if err := a.store.findSalt.row(ctx, given.sessionID).Scan(&salt); err != nil {
		return "", orInvalidToken(err)
	}
	if !a.tokens.isGenuine(given, salt) {
		return "", errInvalidToken
	}
	a.salts.keep(given.sessionID, salt)
	return salt, nil
}

func orInvalidToken(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errInvalidToken
	}
	return err
}

// moveCounter adds one to the counter of a live session; sql.ErrNoRows if there is
// none, or it is not at that of the token.
func (s *store) moveCounter(ctx context.Context, given refreshToken, into *session) error {
	if err := s.beginWriting(ctx); err != nil {
		return err
	}
	defer s.endWriting()
	return s.rotate.row(ctx, into.id, into.salt, given.counter).Scan(&into.userID, &into.method, &into.counter)
}

// endReused ends a session whose refresh token came back after its successor was
// used: somebody has a copy.
func (a *Auth) endReused(ctx context.Context, s session, from client) error {
	var owner *User
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		if owner, err = findUser(ctx, db, s.userID); err != nil {
			return err
		}
		return endSession(ctx, db, s.id, s.userID)
	})
	if errors.Is(err, errSessionNotFound) || errors.Is(err, sql.ErrNoRows) {
		return errInvalidToken // another request was faster
	}
	if err != nil {
		return err
	}
	logEvent(ctx, a.log, slog.LevelWarn, "auth.refresh.reused",
		slog.Int64("user_id", s.userID), slog.String("ip", from.ip), slog.String("session", sessionHash(s.id)))
	a.mails.refreshReused(owner, from)
	return errInvalidToken
}

// logOut ends the session of a token, or returns errInvalidToken if it had ended.
func (a *Auth) logOut(ctx context.Context, claims *Claims, from client) error {
	err := a.store.write(ctx, func(ctx context.Context, db conn) error { return endSession(ctx, db, claims.SessionID, claims.UserID) })
	if errors.Is(err, errSessionNotFound) {
		return errInvalidToken
	}
	if err != nil {
		return err
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.logout",
		slog.Int64("user_id", claims.UserID), slog.String("ip", from.ip), slog.String("session", sessionHash(claims.SessionID)))
	return nil
}

// endOne ends one session of the user, or returns errSessionNotFound.
func (a *Auth) endOne(ctx context.Context, id string, user *User, current *Claims, from client) error {
	if !isSessionID(id) {
		return errSessionNotFound
	}
	if err := a.store.write(ctx, func(ctx context.Context, db conn) error { return endSession(ctx, db, id, user.ID) }); err != nil {
		return err
	}
	a.logEnded(ctx, []string{id}, user, from)
	if id != current.SessionID {
		a.mails.sessionsEnded(user, from)
	}
	return nil
}

// endOthers ends all sessions of the user but the current one.
func (a *Auth) endOthers(ctx context.Context, user *User, current *Claims, from client) error {
	var ended []string
	err := a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		ended, err = endSessions(ctx, db, user.ID, current.SessionID)
		return err
	})
	if err != nil || len(ended) == 0 {
		return err
	}
	a.logEnded(ctx, ended, user, from)
	a.mails.sessionsEnded(user, from)
	return nil
}

func (a *Auth) logEnded(ctx context.Context, ids []string, user *User, from client) {
	for _, id := range ids {
		logEvent(ctx, a.log, slog.LevelInfo, "auth.session.ended",
			slog.Int64("user_id", user.ID), slog.String("ip", from.ip), slog.String("session", sessionHash(id)))
	}
}

// endSession ends a session of that user, or returns errSessionNotFound.
func endSession(ctx context.Context, db conn, id string, userID int64) error {
	ended, err := db.exists(ctx, `DELETE FROM auth_sessions WHERE id = $1 AND user_id = $2 RETURNING id`, id, userID)
	if err == nil && !ended {
		return errSessionNotFound
	}
	return err
}

// endSessions ends all sessions of a user but one, and returns the ids of those that
// ended. No session has the id "".
func endSessions(ctx context.Context, db conn, userID int64, except string) ([]string, error) {
	return db.texts(ctx, `DELETE FROM auth_sessions WHERE user_id = $1 AND id <> $2 RETURNING id`, userID, except)
}

// isRecent tells whether somebody signed in to this session within the last ten
// minutes.
func isRecent(ctx context.Context, db conn, id string) (bool, error) {
	return db.exists(ctx, `SELECT id FROM auth_sessions
		WHERE id = $1 AND authenticated_at > clock_timestamp() + make_interval(secs => $2)`, id, -recentLogin)
}

// publicSession is how a session is listed.
type publicSession struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	IP         *string   `json:"ip"`
	UserAgent  *string   `json:"user_agent"`
	Method     string    `json:"method"`
	Current    bool      `json:"current"`
}

// listSessions returns the live sessions, the newest first.
func (a *Auth) listSessions(ctx context.Context, userID int64) ([]publicSession, error) {
	return read(ctx, a.store, func(ctx context.Context, db conn) ([]publicSession, error) {
		return collect(ctx, db, scanSession, `SELECT id, created_at, last_seen_at, ip, user_agent, method
			FROM auth_sessions WHERE user_id = $1`+liveSession(a.config.SessionMax)+` ORDER BY created_at DESC`, userID)
	})
}

func scanSession(row scanner) (s publicSession, err error) {
	err = row.Scan(&s.ID, &s.CreatedAt, &s.LastSeenAt, &s.IP, &s.UserAgent, &s.Method)
	s.CreatedAt, s.LastSeenAt = s.CreatedAt.UTC(), s.LastSeenAt.UTC()
	return s, err
}

// sessionHash names a session in the log without naming what its tokens carry.
func sessionHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}
