// fastman: file jwt
package auth

import "net/http"

func (a *Auth) passwordEndpoints() map[string]route {
	return map[string]route{
		"/register":        {http.MethodPost: a.postRegister},
		"/login":           {http.MethodPost: a.postLogin},
		"/password/change": {http.MethodPost: a.postPasswordChange},
		"/password/set":    {http.MethodPost: a.postPasswordSet},
		"/password/forgot": {http.MethodPost: a.postPasswordForgot},
		"/password/reset":  {http.MethodPost: a.postPasswordReset},
	}
}

func (a *Auth) postRegister(w http.ResponseWriter, r *http.Request) error {
	wanted, password, err := a.readRegistration(r)
	if err != nil {
		return err
	}
	if a.config.HideRegistered {
		if err := a.registerUnseen(r.Context(), wanted, password, a.clients.read(r), a.baseURL(r)); err != nil {
			return err
		}
		return answer(w, http.StatusAccepted, struct{}{})
	}
	user, err := a.register(r.Context(), wanted, password, a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, user.public())
}

// readRegistration takes the password last: its rules look at the other two.
func (a *Auth) readRegistration(r *http.Request) (wanted registration, password string, err error) {
	given, err := readJSON(r)
	if err != nil {
		return registration{}, "", err
	}
	wanted.email = given.text("email", a.emailRule)
	wanted.username = given.optionalText("username", normalizeUsername)
	username := ""
	if wanted.username != nil {
		username = *wanted.username
	}
	password = given.text("password", fits, func(password string) (string, error) {
		return password, a.policy.check(password, wanted.email, username)
	})
	return wanted, password, given.err()
}

func (a *Auth) postLogin(w http.ResponseWriter, r *http.Request) error {
	given, err := readLogin(r)
	if err != nil {
		return err
	}
	name, password := given.text("username", fits), given.text("password", fits)
	if err := given.err(); err != nil {
		return err
	}
	token, err := a.logIn(r.Context(), name, password, a.clients.read(r))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, token)
}

func (a *Auth) postPasswordChange(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	current, fresh := given.text("current_password", fits), given.text("new_password", fits)
	if err := given.err(); err != nil {
		return err
	}
	if err := a.changePassword(r.Context(), user, current, fresh, claims, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func (a *Auth) postPasswordSet(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.recentUser(r)
	if err != nil {
		return err
	}
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	fresh := given.text("new_password", fits)
	if err := given.err(); err != nil {
		return err
	}
	if err := a.setFirstPassword(r.Context(), user, fresh, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func (a *Auth) postPasswordForgot(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	email := given.text("email", a.emailRule)
	if err := given.err(); err != nil {
		return err
	}
	if err := a.forgetPassword(r.Context(), email, a.clients.read(r), a.baseURL(r)); err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, struct{}{})
}

func (a *Auth) postPasswordReset(w http.ResponseWriter, r *http.Request) error {
	given, err := readJSON(r)
	if err != nil {
		return err
	}
	token, fresh := given.token("token"), given.text("new_password", fits)
	if err := given.err(); err != nil {
		return err
	}
	if err := a.resetPassword(r.Context(), token, fresh, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}
