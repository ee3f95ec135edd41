// fastman: file oauth or keycloak and jwt or oauth or passkey
package auth

import (
	"net/http"
	"strings"
)

func (a *Auth) identityEndpoints() map[string]route {
	return map[string]route{
		"/providers":  {http.MethodGet: a.getProviders},
		"/providers/": {http.MethodDelete: a.deleteProvider},
	}
}

// serviceOf returns the provider of that name, or nil.
func (a *Auth) serviceOf(name string) *service {
	// fastman: if keycloak
	if name == a.keycloak.service.name {
		return a.keycloak.service
	}
	// fastman: end
	// fastman: if oauth
	if s := a.services[name]; s != nil {
		return s
	}
	// fastman: end
	return nil
}

func (a *Auth) getProviders(w http.ResponseWriter, r *http.Request) error {
	user, _, err := a.currentUser(r)
	if err != nil {
		return err
	}
	all, err := a.listIdentities(r.Context(), user.ID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, all)
}

func (a *Auth) deleteProvider(w http.ResponseWriter, r *http.Request) error {
	user, claims, err := a.currentUser(r)
	if err != nil {
		return err
	}
	s := a.serviceOf(strings.TrimPrefix(r.URL.Path, a.config.Prefix+"/providers/"))
	if s == nil {
		return errNotLinked
	}
	linked, err := a.isLinked(r.Context(), user, s)
	if err == nil && !linked {
		err = errNotLinked
	}
	if err != nil {
		return err
	}
	if err := a.requireRecent(r.Context(), claims); err != nil {
		return err
	}
	if err := a.unlink(r.Context(), user, s, claims, a.clients.read(r)); err != nil {
		return err
	}
	return done(w)
}

func identityOperations() []operation {
	return []operation{
		{method: "get", path: "/providers", summary: "The user's identities", signedIn: true, status: 200,
			answer: object{"type": "array", "items": ref("Identity")}},
		{method: "delete", path: "/providers/{provider}", summary: "Unlink a provider", signedIn: true, status: 204},
	}
}
