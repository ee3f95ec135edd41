// fastman: file oauth
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// A sign-in with a provider (RFC 6749, section 4.1): a browser is sent there with a
// state, and comes back to our callback with the same state and a code, for which the
// provider tells us who it is.

const (
	subjectMax = 255 // characters (OpenID Connect Core, section 2)
	nameMax    = 255
	addressMax = 2048 // characters of a picture's address
)

var (
	errInvalidState    = &problem{status: http.StatusBadRequest, detail: "Invalid or expired state"}
	errInvalidCallback = &problem{status: http.StatusBadRequest, detail: "Invalid callback"}
	errSignInCancelled = &problem{status: http.StatusForbidden, detail: "Sign-in was cancelled"}
	errSignInRefused   = &problem{status: http.StatusBadGateway, detail: "The provider refused the sign-in"}
)

var authorizationChallenge = challenge{purpose: "oauth", lifetime: hour / 6}

// authorization is a visit to a provider that has not come back yet.
type authorization struct {
	Provider string `json:"provider"`
	Verifier string `json:"verifier"` // of PKCE (RFC 7636)
	// fastman: if google or oidc
	// Nonce binds the id_token to this visit.
	Nonce string `json:"nonce,omitempty"`
	// fastman: end
	RedirectURI string `json:"redirect_uri"`
	Session     string `json:"session,omitempty"` // which links the identity, instead of a sign-in
	destination
}

// destination is where a sign-in leads: to a page of this app, or into a native app,
// which gets a code in place of a cookie (RFC 8252).
type destination struct {
	Next          string `json:"next,omitempty"`
	AppRedirect   string `json:"app_redirect,omitempty"`
	AppState      string `json:"app_state,omitempty"`
	CodeChallenge string `json:"code_challenge,omitempty"`
}

// departure is how a browser goes to a provider, and is known again when it comes back.
type departure struct{ address, state, browser string }

// authorize makes ready to send a browser to the provider. Of the two secrets the
// provider sees the state, and only the browser keeps the other: without it, somebody
// could have others come back with a code of their own.
func (a *Auth) authorize(ctx context.Context, s *service, begun authorization, linking *User, from client) (departure, error) {
	where, err := s.speak.server(ctx)
	if err != nil {
		return departure{}, err
	}
	begun.Provider, begun.Verifier = s.name, oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(begun.Verifier)}
	// fastman: if google or oidc
	if where.nonce {
		begun.Nonce = randomText(32)
		options = append(options, oauth2.SetAuthURLParam("nonce", begun.Nonce))
	}
	// fastman: end
	to := departure{state: randomText(32), browser: randomText(32)}
	to.address = s.config(where, begun.RedirectURI).AuthCodeURL(to.state, options...)
	var userID *int64
	if linking != nil {
		userID = &linking.ID
	}
	return to, a.store.write(ctx, func(ctx context.Context, db conn) error {
		if _, err := a.countAttempt(ctx, db, "oauth", from, ""); err != nil {
			return err
		}
		return authorizationChallenge.issue(ctx, db, to.state, to.browser, userID, begun)
	})
}

// callback is what a browser comes back with.
type callback struct {
	state, browser string
	code, err      string
	// fastman: if google or oidc
	// issuer says who sent the browser back.
	issuer string
	// fastman: end
}

// takeAuthorization returns the visit that a callback belongs to, once, and who is
// linking.
func (a *Auth) takeAuthorization(ctx context.Context, s *service, c callback) (begun authorization, linking *int64, err error) {
	found := false
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		linking, found, err = authorizationChallenge.take(ctx, db, c.state, c.browser, &begun)
		return err
	})
	if err == nil && (!found || begun.Provider != s.name) {
		err = errInvalidState
	}
	return begun, linking, err
}

// ask exchanges the code of a callback, and asks whose it is.
func (a *Auth) ask(ctx context.Context, s *service, begun authorization, c callback) (profile, error) {
	switch {
	case c.err == "access_denied":
		return profile{}, errSignInCancelled
	case c.err != "":
		return profile{}, errSignInRefused
	case c.code == "":
		return profile{}, errInvalidCallback
	}
	ctx, cancel := context.WithTimeout(ctx, callsPatience)
	defer cancel()
	where, err := s.speak.server(ctx)
	if err != nil {
		return profile{}, err
	}
	// fastman: if google or oidc
	if where.issuer != "" && where.issuer != c.issuer {
		return profile{}, errInvalidState
	}
	// fastman: end
	token, err := s.config(where, begun.RedirectURI).Exchange(context.WithValue(ctx, oauth2.HTTPClient, a.calls), c.code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return profile{}, blame("token", err)
	}
	who, err := s.speak.profile(ctx, token, begun)
	if err != nil {
		return profile{}, err
	}
	who.service = s
	return who.clean(!a.config.production())
}

// clean refuses a subject that no provider has, and leaves out what cannot be stored or
// shown.
func (p profile) clean(allowTest bool) (profile, error) {
	if p.subject == "" || utf8.RuneCountInString(p.subject) > subjectMax || strings.ContainsFunc(p.subject, unicode.IsControl) {
		return profile{}, failure("the subject is none")
	}
	email, err := normalizeEmail(p.email, allowTest)
	if err != nil {
		email = ""
	}
	p.email = email
	p.name = cleanName(p.name)
	if !isPicture(p.avatarURL) {
		p.avatarURL = ""
	}
	return p, nil
}

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

func isPicture(address string) bool {
	lower := strings.ToLower(address)
	return utf8.RuneCountInString(address) <= addressMax && !strings.ContainsFunc(address, unicode.IsControl) &&
		(strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://"))
}

// logOAuthFailed says why nobody was let in.
func (a *Auth) logOAuthFailed(ctx context.Context, s *service, err error, from client) {
	if _, told := errors.AsType[*problem](err); told { // else it is the database, which fail logs
		logEvent(ctx, a.log, slog.LevelWarn, "auth.oauth.failed",
			slog.String("provider", s.name), slog.String("ip", from.ip), slog.String("reason", err.Error()))
	}
}
