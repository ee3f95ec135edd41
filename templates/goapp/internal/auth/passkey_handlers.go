// fastman: file passkey
package auth

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

func (a *Auth) passkeyEndpoints() map[string]route {
	return map[string]route{
		"/passkey/register/options":     {http.MethodPost: a.postRegisterOptions},
		"/passkey/register/verify":      {http.MethodPost: a.postRegisterVerify},
		"/passkey/authenticate/options": {http.MethodPost: a.postAuthenticateOptions},
		"/passkey/authenticate/verify":  {http.MethodPost: a.postAuthenticateVerify},
		"/passkey/me":                   {http.MethodGet: a.getMe},
		"/passkey/credentials":          {http.MethodGet: a.getPasskeys},
		"/passkey/credentials/":         {http.MethodPatch: a.patchPasskey, http.MethodDelete: a.deletePasskey},
		"/passkey/recovery":             {http.MethodPost: a.postRecovery},
		"/passkey/recovery/codes":       {http.MethodPost: a.postRecoveryCodes},
		"/passkey/recovery/request":     {http.MethodPost: a.postRecoveryRequest},
		"/static/passkey.js":            {http.MethodGet: a.getStatic, http.MethodHead: a.getStatic},
	}
}

// whoRegisters returns nobody for whoever is not signed in.
func (a *Auth) whoRegisters(r *http.Request) (caller, error) {
	user, claims, err := a.currentUser(r)
	if errors.Is(err, errNotAuthenticated) {
		return caller{}, nil
	}
	by := caller{user: user}
	// fastman: if oauth or ui
	if by.byCookie = a.readSessionCookie(r) != ""; by.byCookie && errors.Is(err, errInvalidToken) { // it has ended
		return caller{}, nil
	}
	// fastman: end
	if err != nil {
		return caller{}, err
	}
	by.sessionID = claims.SessionID
	return by, nil
}

// mayRegister is whoRegisters for an address: who adds a passkey has signed in a moment
// ago.
func (a *Auth) mayRegister(r *http.Request, email string) (caller, error) {
	by, err := a.whoRegisters(r)
	if err == nil && by.owns(email) {
		err = a.requireRecent(r.Context(), &Claims{SessionID: by.sessionID})
	}
	return by, err
}

func (a *Auth) postRegisterOptions(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	wanted := registration{email: given.text("email", a.emailRule)}
	by, refused := a.mayRegister(r, wanted.email)
	if !by.owns(wanted.email) { // else the account has its name
		wanted.username = given.optionalText("username", normalizeUsername)
	}
	if err := cmp.Or(given.err(), refused); err != nil {
		return err
	}
	options, err := a.beginRegistration(r.Context(), wanted, by, a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, options)
}

func (a *Auth) postRegisterVerify(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	email := given.text("email", a.emailRule)
	texts := readCredential(given, attestationMembers)
	name := given.optionalText("device_name", func(name string) (string, error) {
		if strings.TrimSpace(name) == "" {
			return defaultDeviceName, nil
		}
		return normalizeDeviceName(name)
	})
	if err := given.err(); err != nil {
		return err
	}
	by, err := a.mayRegister(r, email)
	if err != nil {
		return err
	}
	done, err := a.registerPasskey(r, email, name, texts, by)
	if err != nil {
		return err
	}
	return a.answerRegistered(w, done, by)
}

// registerPasskey stores a passkey, and tells whom it concerns.
func (a *Auth) registerPasskey(r *http.Request, email string, name *string, texts credentialTexts, by caller) (registered, error) {
	ctx, from := r.Context(), a.clients.read(r)
	deviceName := defaultDeviceName
	if name != nil {
		deviceName = *name
	}
	made, err := texts.attestation()
	var done registered
	if err == nil {
		done, err = a.finishRegistration(ctx, email, deviceName, made, by, from)
	}
	if errors.Is(err, misfit{reason: "foreign"}) {
		err = cmp.Or(a.tellPasskeyOwner(ctx, email), err)
	}
	if err != nil {
		return registered{}, a.refusePasskey(ctx, err, errNoRegistration, from)
	}
	if done.joined {
		a.logRegistered(ctx, done.user, from)
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.passkey.added", slog.Int64("user_id", done.user.ID), slog.String("ip", from.ip))
	if !done.joined {
		a.mails.passkeyAdded(done.user, from)
		return done, nil
	}
	// fastman: if jwt
	if a.config.HideRegistered {
		return done, a.mailVerifyLink(ctx, done.user, a.baseURL(r))
	}
	// fastman: end
	return done, nil
}

// registeredAnswer has the tokens of the session.
// fastman: if oauth or ui
// They are left out where a cookie holds it.
// fastman: end
type registeredAnswer struct {
	Status       string `json:"status"`
	CredentialID string `json:"credential_id"`
	*Token
}

func (a *Auth) answerRegistered(w http.ResponseWriter, done registered, by caller) error {
	told := registeredAnswer{Status: "ok", CredentialID: done.passkey.id}
	// fastman: if oauth or ui
	if by.byCookie && !done.joined {
		return answer(w, http.StatusCreated, told)
	}
	// fastman: end
	token, err := a.issueTokens(done.session)
	if err != nil {
		return err
	}
	told.Token = &token
	return answer(w, http.StatusCreated, told)
}

func (a *Auth) postAuthenticateOptions(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	given.optionalText("email") // pages may send it; it changes nothing
	if err := given.err(); err != nil {
		return err
	}
	options, err := a.beginAuthentication(r.Context(), a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, options)
}

func (a *Auth) postAuthenticateVerify(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	texts := readCredential(given, assertionMembers)
	if err := given.err(); err != nil {
		return err
	}
	ctx, from := r.Context(), a.clients.read(r)
	shown, err := texts.assertion()
	var opened session
	if err == nil {
		opened, err = a.finishAuthentication(ctx, shown, from)
	}
	if err != nil {
		return a.refusePasskey(ctx, err, errNoAuthentication, from)
	}
	logEvent(ctx, a.log, slog.LevelInfo, "auth.passkey.ok",
		slog.Int64("user_id", opened.userID), slog.String("ip", from.ip), slog.String("session", sessionHash(opened.id)))
	a.purgeSoon()
	return a.answerTokens(w, opened)
}

func (a *Auth) answerTokens(w http.ResponseWriter, opened session) error {
	token, err := a.issueTokens(opened)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, token)
}

func (a *Auth) getPasskeys(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.currentUser(r)
	if err != nil {
		return err
	}
	all, err := a.listPasskeys(r.Context(), user.ID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, all)
}

// passkeyOf is the id that the path ends with; "", which none has, where it is no id.
func (a *Auth) passkeyOf(r *http.Request) string {
	id := strings.TrimPrefix(r.URL.Path, a.config.Prefix+"/passkey/credentials/")
	if _, err := base64url.DecodeString(id); err != nil {
		return ""
	}
	return id
}

func (a *Auth) patchPasskey(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.currentUser(r)
	if err != nil {
		return err
	}
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	name := given.text("device_name", normalizeDeviceName)
	if err := given.err(); err != nil {
		return err
	}
	renamed, err := a.renamePasskey(r.Context(), user, a.passkeyOf(r), name)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, renamed)
}

func (a *Auth) deletePasskey(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	id := a.passkeyOf(r)
	if err := a.wantPasskey(r.Context(), user, id); err != nil {
		return err
	}
	if err := a.requireRecent(r.Context(), claims); err != nil {
		return err
	}
	if err := a.removePasskey(r.Context(), user, id, claims.SessionID, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func (a *Auth) postRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.recentUser(r)
	if err != nil {
		return err
	}
	codes, err := a.makeRecoveryCodes(r.Context(), user, a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string][]string{"codes": codes})
}

// postRecovery takes a code with the address of its account, or the token of a mail.
func (a *Auth) postRecovery(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	email, code, token := given.optionalText("email", a.emailRule), given.optionalText("code"), given.optionalText("token")
	if err := given.err(); err != nil {
		return err
	}
	if (email == nil) != (code == nil) || (code == nil) == (token == nil) {
		return bodyError("value_error", "Send email and code, or token")
	}
	var opened session
	if token != nil {
		opened, err = a.recoverByToken(r.Context(), *token, a.clients.read(r))
	} else {
		opened, err = a.recoverByCode(r.Context(), *email, *code, a.clients.read(r))
	}
	if err != nil {
		return err
	}
	return a.answerTokens(w, opened)
}

func (a *Auth) postRecoveryRequest(w http.ResponseWriter, r *http.Request) error {
	if !a.config.PasskeyEmailRecovery {
		return errNotFound
	}
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	email := given.text("email", a.emailRule)
	if err := given.err(); err != nil {
		return err
	}
	if err := a.requestRecovery(r.Context(), email, a.clients.read(r), a.baseURL(r)); err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, struct{}{})
}
