// fastman: file oauth
package auth

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// A native app signs in with the browser of its device (RFC 8252), which gives it a
// code by one of the app's own addresses. Another app may listen there too, but lacks
// the verifier (RFC 7636).

const appStateMax = 512 // characters

var (
	errInvalidAppRedirect   = &problem{status: http.StatusBadRequest, detail: "Invalid app_redirect"}
	errInvalidAppState      = &problem{status: http.StatusBadRequest, detail: "Invalid app_state"}
	errInvalidCodeChallenge = &problem{status: http.StatusBadRequest, detail: "Invalid code_challenge"}
	errInvalidCode          = &problem{status: http.StatusBadRequest, detail: "Invalid or expired code"}
)

var codeChallenge = challenge{purpose: "oauth_code", lifetime: 60}

// base64url of 32 bytes.
var codeChallengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// readDestination returns where a sign-in is to lead.
func (a *Auth) readDestination(query url.Values) (to destination, err error) {
	if to.Next, err = readNext(query); err != nil {
		return destination{}, err
	}
	to.AppRedirect, to.AppState, to.CodeChallenge = query.Get("app_redirect"), query.Get("app_state"), query.Get("code_challenge")
	switch {
	case to.AppRedirect == "" && to.AppState == "" && to.CodeChallenge == "":
		return to, nil
	case !slices.Contains(a.config.AppRedirects, to.AppRedirect):
		return destination{}, errInvalidAppRedirect
	case !codeChallengeForm.MatchString(to.CodeChallenge):
		return destination{}, errInvalidCodeChallenge
	case utf8.RuneCountInString(to.AppState) > appStateMax || strings.ContainsFunc(to.AppState, unicode.IsControl):
		return destination{}, errInvalidAppState
	}
	return to, nil
}

// grant is what a native app gets for its code.
type grant struct {
	CodeChallenge string `json:"code_challenge"`
	Provider      string `json:"provider"`
}

// issueCode returns the address that hands a code to the native app.
func issueCode(ctx context.Context, db conn, user *User, s *service, to destination) (string, error) {
	address, err := url.Parse(to.AppRedirect)
	if err != nil {
		return "", errInvalidAppRedirect // the settings have changed since
	}
	code := randomText(32)
	query := address.Query()
	query.Set("code", code)
	if to.AppState != "" {
		query.Set("state", to.AppState)
	}
	address.RawQuery = query.Encode()
	return address.String(), codeChallenge.issue(ctx, db, code, holder{userID: &user.ID}, grant{to.CodeChallenge, s.name})
}

// redeem returns tokens for a code, once. A wrong verifier uses the code up as well:
// whoever has it is not the app.
func (a *Auth) redeem(ctx context.Context, code, verifier string, from client) (Token, error) {
	var opened session
	var given grant
	err := a.store.write(ctx, func(ctx context.Context, db conn) error {
		user, err := codeOwner(ctx, db, code)
		if err != nil {
			return err
		}
		_, found, err := codeChallenge.take(ctx, db, code, "", &given)
		if err != nil || !found || oauth2.S256ChallengeFromVerifier(verifier) != given.CodeChallenge {
			return err
		}
		opened, err = a.openSession(ctx, db, user, given.Provider, from)
		return err
	})
	if err == nil && opened.id == "" {
		err = errInvalidCode
	}
	if err != nil {
		return Token{}, err
	}
	a.logSignedIn(ctx, given.Provider, opened, from)
	return a.issueTokens(opened)
}

// codeOwner locks the user of a code, as whoever takes over the account does before it
// drops the codes of before.
func codeOwner(ctx context.Context, db conn, code string) (*User, error) {
	var userID int64
	err := db.row(ctx, `SELECT user_id FROM auth_challenges WHERE id = $1 AND purpose = $2`, hashOneTime(code), codeChallenge.purpose).Scan(&userID)
	if err != nil {
		return nil, orInvalidCode(err)
	}
	user, err := lockUser(ctx, db, userID)
	return user, orInvalidCode(err)
}

func orInvalidCode(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errInvalidCode
	}
	return err
}
