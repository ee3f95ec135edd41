// fastman: file keycloak
package auth

import (
	"encoding/json"
	"slices"
)

// KeycloakUser is whom a token of Keycloak is about, by its claims alone.
type KeycloakUser struct {
	ID       string   `json:"id"`       // `sub`: never another's
	Email    *string  `json:"email"`    // nil: the token says none, as with all that follow
	Username *string  `json:"username"` // `preferred_username`
	Name     *string  `json:"name"`
	Roles    []string `json:"roles"` // of the realm, and of this app's own client, sorted

	realmRoles  []string
	clientRoles map[string][]string // by client id
	payload     []byte
}

// HasRoles reports whether the user has all of these roles of the realm.
func (u *KeycloakUser) HasRoles(roles ...string) bool { return holdsAll(u.realmRoles, roles) }

// HasClientRoles reports whether the user has all of these roles of a client.
func (u *KeycloakUser) HasClientRoles(client string, roles ...string) bool {
	return holdsAll(u.clientRoles[client], roles)
}

// Claims decodes all that the token says into a struct or a map, as json.Unmarshal does.
func (u *KeycloakUser) Claims(into any) error { return json.Unmarshal(u.payload, into) }

func holdsAll(all, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(role string) bool { return !slices.Contains(all, role) })
}

// newKeycloakUser reads the claims of a token for a client.
func newKeycloakUser(claims map[string]any, payload []byte, client string) KeycloakUser {
	u := KeycloakUser{
		ID:          textOf(claims["sub"]),
		Email:       orNothing(claims["email"]),
		Username:    orNothing(claims["preferred_username"]),
		Name:        orNothing(claims["name"]),
		realmRoles:  rolesOf(claims["realm_access"]),
		clientRoles: map[string][]string{},
		payload:     payload,
	}
	clients, _ := claims["resource_access"].(map[string]any)
	for name, access := range clients {
		u.clientRoles[name] = rolesOf(access)
	}
	u.Roles = append([]string{}, u.realmRoles...) // in JSON a list, also when it is empty
	u.Roles = append(u.Roles, u.clientRoles[client]...)
	slices.Sort(u.Roles)
	u.Roles = slices.Compact(u.Roles)
	return u
}

func textOf(claim any) string {
	text, _ := claim.(string)
	return text
}

func orNothing(claim any) *string {
	if text := textOf(claim); text != "" {
		return &text
	}
	return nil
}

// rolesOf reads {"roles": ["admin"]}. What has another form has no roles.
func rolesOf(access any) []string {
	object, _ := access.(map[string]any)
	roles, _ := textsOf(object["roles"])
	return roles
}

// textsOf reads a list of strings.
func textsOf(claim any) (texts []string, ok bool) {
	list, isList := claim.([]any)
	for _, member := range list {
		text, isText := member.(string)
		if !isText {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, isList
}
