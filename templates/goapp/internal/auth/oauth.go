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
	subjectMax = 255  // characters
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
	ctx, cancel := context.WithTimeout(ctx, callsPatience)
	defer cancel()
	where, err := s.speak.server(ctx)
	if err != nil {
		return departure{}, err
	}
	begun.Provider, begun.Verifier = s.name, oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(begun.Verifier)}
	// fastman: if google or oidc
	if where.issuer != "" {
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
		return authorizationChallenge.issue(ctx, db, to.state, holder{browser: to.browser, userID: userID}, begun)
	})
}

// callback is what a browser comes back with.
type callback struct {
	state, browser string
	code, refusal  string
	// fastman: if google or oidc
	// issuer is who says to have sent the browser back.
	issuer string
	// fastman: end
}

// arrival is somebody who has come back.
type arrival struct {
	authorization
	used    bool // the visit, which is over, whatever comes of it
	linking *int64
	who     profile
}

// arrive takes the visit that a callback belongs to, once, and asks who has come back.
func (a *Auth) arrive(ctx context.Context, s *service, c callback) (arrival, error) {
	ctx, cancel := context.WithTimeout(ctx, callsPatience)
	defer cancel()
	where, err := s.speak.server(ctx)
	if err != nil {
		return arrival{}, err
	}
	leave, err := a.calls.enter() // before the visit is used up, so that reloading the page helps
	if err != nil {
		return arrival{}, err
	}
	defer leave()
	var back arrival
	err = a.store.write(ctx, func(ctx context.Context, db conn) (err error) {
		back.linking, back.used, err = authorizationChallenge.take(ctx, db, c.state, c.browser, &back.authorization)
		return err
	})
	if err == nil && (!back.used || back.Provider != s.name) {
		err = errInvalidState
	}
	if err == nil {
		back.who, err = a.ask(ctx, s, where, back.authorization, c)
	}
	return back, err
}

// ask exchanges the code of a callback, and asks whose it is.
func (a *Auth) ask(ctx context.Context, s *service, where server, begun authorization, c callback) (profile, error) {
	// fastman: if google or oidc
	if where.issuer != "" && c.issuer != where.issuer && (c.issuer != "" || where.namesIssuer) { // RFC 9207, section 2.4
		return profile{}, errInvalidState
	}
	// fastman: end
	switch {
	case c.refusal == "access_denied":
		return profile{}, errSignInCancelled
	case c.refusal != "":
		return profile{}, errSignInRefused
	case c.code == "":
		return profile{}, errInvalidCallback
	}
	token, err := s.config(where, begun.RedirectURI).Exchange(a.calls.context(ctx), c.code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return profile{}, refusedExchange(err)
	}
	if !strings.EqualFold(token.TokenType, "Bearer") {
		return profile{}, disbelieve("unavailable", "token: it is no bearer token")
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
		return profile{}, disbelieve("subject", "it is empty, too long or no text")
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

func isPicture(address string) bool {
	return strings.HasPrefix(address, "https://") && utf8.RuneCountInString(address) <= addressMax && !strings.ContainsFunc(address, unicode.IsControl)
}

// reasons are how the log calls the answers of a sign-in that fails, in one word.
var reasons = map[*problem]string{
	errInvalidState:    "state",
	errInvalidCallback: "state",
	errSignInCancelled: "denied",
	errSignInRefused:   "refused",
	errCallsBusy:       "busy",
	errNoVerifiedEmail: "no_email",
	errEmailHasAccount: "taken",
	errInactive:        "inactive",
	errIdentityTaken:   "foreign",
}

// logOAuthFailed says why nobody was let in. What else can fail is logged elsewhere.
func (a *Auth) logOAuthFailed(ctx context.Context, s *service, err error, from client) {
	var why []slog.Attr
	if failed, ok := errors.AsType[failure](err); ok {
		why = []slog.Attr{slog.String("reason", failed.reason), slog.String("problem", failed.problem)}
	} else if told, ok := errors.AsType[*problem](err); ok && reasons[told] != "" {
		why = []slog.Attr{slog.String("reason", reasons[told])}
	} else {
		return
	}
	logEvent(ctx, a.log, slog.LevelWarn, "auth.oauth.failed", append(why, slog.String("provider", s.name), slog.String("ip", from.ip))...)
}
