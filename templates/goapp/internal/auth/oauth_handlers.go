// fastman: file oauth
package auth

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	authorizationCookie = "auth_attempt_"
	codeMaxBytes        = 2048
)

var (
	errUnknownProvider = &problem{status: http.StatusNotFound, detail: "Unknown provider"}
	errNotConfigured   = &problem{status: http.StatusServiceUnavailable, detail: "Sign-in with this provider is not configured"}
)

func (a *Auth) oauthEndpoints() map[string]route {
	return map[string]route{
		"/login":      {http.MethodGet: a.getLogin},
		"/login/":     {http.MethodGet: a.getLogin},
		"/callback":   {http.MethodGet: a.getCallback},
		"/callback/":  {http.MethodGet: a.getCallback},
		"/token":      {http.MethodPost: a.postToken},
		"/providers/": {http.MethodPost: a.postProvider},
	}
}

// findService returns the provider that a path below another one names.
func (a *Auth) findService(r *http.Request, parent string) (*service, error) {
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, a.config.Prefix+parent), "/")
	s := a.services[cmp.Or(name, defaultProvider)]
	if s == nil {
		return nil, errUnknownProvider
	}
	return s, nil
}

// usableService is findService for a provider that this app is registered with.
func (a *Auth) usableService(r *http.Request, parent string) (*service, error) {
	s, err := a.findService(r, parent)
	if err == nil && s.speak == nil {
		s.warn(r.Context(), a.log)
		err = errNotConfigured
	}
	return s, err
}

func (a *Auth) getLogin(w http.ResponseWriter, r *http.Request) error {
	s, err := a.usableService(r, "/login")
	if err != nil {
		return err
	}
	to, err := a.readDestination(r.URL.Query())
	if err != nil {
		return err
	}
	address, err := a.depart(w, r, s, authorization{destination: to}, nil)
	if err != nil {
		return err
	}
	return redirect(w, address, http.StatusFound)
}

// postProvider begins to link: the page that asks goes to the address of the answer.
func (a *Auth) postProvider(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	next, err := readNext(r.URL.Query())
	if err != nil {
		return err
	}
	if err := a.requireRecent(r.Context(), claims); err != nil {
		return err
	}
	s, err := a.usableService(r, "/providers")
	if err != nil {
		return err
	}
	begun := authorization{Session: claims.SessionID, destination: destination{Next: next}}
	address, err := a.depart(w, r, s, begun, user)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]string{"url": address})
}

// depart returns the address of the provider, and gives the browser the cookie that it
// has to come back with. Each departure has its own, so that two tabs do not disturb
// each other.
func (a *Auth) depart(w http.ResponseWriter, r *http.Request, s *service, begun authorization, linking *User) (string, error) {
	begun.RedirectURI = a.baseURL(r) + a.config.Prefix + "/callback"
	if s.name != firstProvider {
		begun.RedirectURI += "/" + s.name
	}
	from := a.clients.read(r)
	to, err := a.authorize(r.Context(), s, begun, linking, from)
	if err != nil {
		a.logOAuthFailed(r.Context(), s, err, from)
		return "", err
	}
	a.setCookie(w, authorizationCookieOf(to.state), to.browser, time.Duration(authorizationChallenge.lifetime)*time.Second)
	return to.address, nil
}

func authorizationCookieOf(state string) string { return authorizationCookie + hashOneTime(state)[:12] }

func (a *Auth) getCallback(w http.ResponseWriter, r *http.Request) error {
	s, err := a.usableService(r, "/callback")
	if err != nil {
		return err
	}
	from := a.clients.read(r)
	address, err := a.comeBack(w, r, s, from)
	if err != nil {
		a.logOAuthFailed(r.Context(), s, err, from)
		return err
	}
	a.purgeSoon()
	return redirect(w, address, http.StatusSeeOther)
}

// comeBack signs in, or links, and returns where that leads.
func (a *Auth) comeBack(w http.ResponseWriter, r *http.Request, s *service, from client) (string, error) {
	c, err := a.readCallback(r)
	if err != nil {
		return "", err
	}
	back, err := a.arrive(r.Context(), s, c)
	if back.used {
		a.setCookie(w, authorizationCookieOf(c.state), "", 0)
	}
	if err != nil {
		return "", err
	}
	switch {
	case back.linking != nil:
		if err = a.link(r.Context(), back.who, *back.linking, back.Session, from); errors.Is(err, errInvalidToken) {
			err = errInvalidState // the session has ended
		}
	case back.AppRedirect != "":
		return a.admitApp(r.Context(), back.who, back.destination, from)
	default:
		err = a.admitBrowser(w, r, back.who, from)
	}
	return cmp.Or(back.Next, a.config.AfterLoginURL), err
}

// readCallback wants each of what identifies a visit once, and the cookie of the visit.
func (a *Auth) readCallback(r *http.Request) (callback, error) {
	query := r.URL.Query()
	c := callback{state: query.Get("state"), refusal: query.Get("error")}
	c.browser = a.readCookie(r, authorizationCookieOf(c.state))
	if len(query["state"]) != 1 || c.browser == "" {
		return callback{}, errInvalidState
	}
	if codes := query["code"]; len(codes) == 1 && len(codes[0]) <= codeMaxBytes {
		c.code = codes[0]
	}
	// fastman: if google or oidc
	c.issuer = query.Get("iss")
	// fastman: end
	return c, nil
}

func (a *Auth) postToken(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	code, verifier := given.text("code"), given.text("code_verifier")
	if err := given.err(); err != nil {
		return err
	}
	token, err := a.redeem(r.Context(), code, verifier, a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, token)
}
