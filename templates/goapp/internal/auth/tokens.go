// fastman: file jwt or oauth or passkey
package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	tokenType     = "at+jwt" // RFC 9068, section 2.1
	tokenMaxBytes = 4096
)

// Claims are what an access token says.
type Claims struct {
	Issuer    string    // `iss`: this app
	Audience  string    // `aud`: this app, too
	UserID    int64     // `sub`
	SessionID string    // `sid`: the sign-in that the token belongs to
	TokenID   string    // `jti`: no two tokens have the same
	IssuedAt  time.Time // `iat`
	NotBefore time.Time // `nbf`
	ExpiresAt time.Time // `exp`: from this second on it is not accepted

	// fastman: if keycloak
	// keycloak is who a token of Keycloak is about. Such a token has no session here, and
	// Issuer is the realm then.
	keycloak *KeycloakUser
	// fastman: end
}

// tokens issues and reads tokens. It knows no database.
type tokens struct {
	keys     keys
	issuer   string
	parser   *jwt.Parser
	verified remembered[Claims]
}

func newTokens(c Config) (*tokens, error) {
	keys, err := newKeys(append([]string{c.SecretKey}, c.PreviousSecretKeys...)...)
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(), // claimSet is stricter
	)
	return &tokens{keys: keys, issuer: c.Issuer, parser: parser}, nil
}

func (t *tokens) issueAccess(userID int64, sessionID string, lifetime time.Duration) (string, error) {
	now := time.Now().Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": t.issuer,
		"aud": t.issuer,
		"sub": strconv.FormatInt(userID, 10),
		"sid": sessionID,
		"jti": randomText(16),
		"iat": now,
		"nbf": now,
		"exp": now + int64(lifetime/time.Second),
	})
	token.Header["typ"], token.Header["kid"] = tokenType, t.keys.kid
	return token.SignedString(t.keys.access[t.keys.kid])
}

// readAccess returns the claims of a token that we signed and that is valid now. A token
// comes with every request of its half hour, and its signature stays the same: what was
// genuine is remembered, and whether it is still valid is looked at each time.
func (t *tokens) readAccess(text string) (*Claims, error) {
	claims, known := t.verified.find(text)
	if !known {
		var err error
		if claims, err = t.verify(text); err != nil {
			return nil, errInvalidToken
		}
		t.verified.keep(text, claims)
	}
	if !t.accepts(claims) {
		return nil, errInvalidToken
	}
	return &claims, nil
}

// verify returns the claims of a token that we signed, at whatever time.
func (t *tokens) verify(text string) (Claims, error) {
	if len(text) > tokenMaxBytes {
		return Claims{}, errInvalidToken
	}
	var set claimSet
	if _, err := t.parser.ParseWithClaims(text, &set, t.keyOf); err != nil {
		return Claims{}, err
	}
	return set.claims()
}

// keyOf picks the key of a token by its header. RFC 8725: one algorithm, an explicit
// type. RFC 7515, section 4.1.11: `crit` names extensions that must be understood,
// and we understand none.
func (t *tokens) keyOf(token *jwt.Token) (any, error) {
	_, critical := token.Header["crit"]
	if critical || token.Header["typ"] != tokenType {
		return nil, errInvalidToken
	}
	kid, _ := token.Header["kid"].(string)
	key, known := t.keys.access[kid]
	if !known {
		return nil, errInvalidToken
	}
	return key, nil
}

func (t *tokens) accepts(c Claims) bool {
	now := time.Now()
	latest := now.Add(clockSkew * time.Second)
	return c.Issuer == t.issuer && c.Audience == t.issuer && c.ExpiresAt.After(now) &&
		!c.IssuedAt.After(latest) && !c.NotBefore.After(latest)
}

// claimSet reads each claim in exactly the type and under exactly the name that we
// write: the library would take 1.5 for a time, and "EXP" for "exp".
type claimSet struct {
	jwt.RegisteredClaims
	fields map[string]json.RawMessage
}

func (s *claimSet) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &s.fields) }

func (s *claimSet) claims() (c Claims, err error) {
	c = Claims{
		Issuer:    s.text("iss", &err),
		Audience:  s.text("aud", &err),
		UserID:    s.userID(&err),
		SessionID: s.text("sid", &err),
		TokenID:   s.text("jti", &err),
		IssuedAt:  s.time("iat", &err),
		NotBefore: s.time("nbf", &err),
		ExpiresAt: s.time("exp", &err),
	}
	if !isSessionID(c.SessionID) {
		err = errInvalidToken
	}
	return c, err
}

func (s *claimSet) text(name string, err *error) string {
	raw := s.fields[name]
	if len(raw) == 0 || raw[0] != '"' {
		*err = errInvalidToken
		return ""
	}
	var text string
	*err = errors.Join(*err, json.Unmarshal(raw, &text))
	return text
}

func (s *claimSet) time(name string, err *error) time.Time {
	seconds, invalid := strconv.ParseInt(string(s.fields[name]), 10, 64)
	if invalid != nil || seconds < 0 || seconds > timeMax {
		*err = errInvalidToken
	}
	return time.Unix(seconds, 0)
}

func (s *claimSet) userID(err *error) int64 {
	text := s.text("sub", err)
	id, invalid := strconv.ParseInt(text, 10, 64)
	if invalid != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		*err = errInvalidToken
	}
	return id
}

// A session id is base64url of 16 bytes.
var sessionIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)

func isSessionID(text string) bool { return sessionIDForm.MatchString(text) }

// refreshToken is a refresh token whose form is right; isGenuine tells whether we
// wrote it.
type refreshToken struct {
	text      string
	sessionID string
	counter   int64
}

var refreshTokenForm = regexp.MustCompile(`^([A-Za-z0-9_-]{22})\.(0|[1-9][0-9]{0,8})\.[A-Za-z0-9_-]{43}$`)

func readRefresh(text string) (refreshToken, error) {
	parts := refreshTokenForm.FindStringSubmatch(text)
	if parts == nil {
		return refreshToken{}, errInvalidToken
	}
	counter, err := strconv.ParseInt(parts[2], 10, 64)
	return refreshToken{text, parts[1], counter}, err
}

// issueRefresh writes `<session id>.<counter>.<HMAC>`; the salt of the session, that
// the HMAC is over too, stays in the database.
func (t *tokens) issueRefresh(sessionID string, counter int64, salt string) string {
	return signRefresh(t.keys.refresh[0], sessionID, counter, salt)
}

func (t *tokens) isGenuine(given refreshToken, salt string) bool {
	for _, key := range t.keys.refresh {
		if hmac.Equal([]byte(given.text), []byte(signRefresh(key, given.sessionID, given.counter, salt))) {
			return true
		}
	}
	return false
}

func signRefresh(key []byte, sessionID string, counter int64, salt string) string {
	random, err := base64url.DecodeString(salt)
	if err != nil {
		return "" // somebody broke the row: no token fits
	}
	signed := sessionID + "." + strconv.FormatInt(counter, 10) + "."
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	mac.Write(random)
	return signed + base64url.EncodeToString(mac.Sum(nil))
}
