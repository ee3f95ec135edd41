// fastman: file keycloak
package auth

// securityScheme lets Swagger UI sign in with Keycloak, by a code and PKCE (RFC 7636).
// Its client needs the address of the page among its redirect addresses there.
func (k *keycloak) securityScheme() object {
	endpoints := k.issuer + "/protocol/openid-connect/"
	return object{"type": "oauth2", "flows": object{"authorizationCode": object{
		"authorizationUrl": endpoints + "auth",
		"tokenUrl":         endpoints + "token",
		"refreshUrl":       endpoints + "token",
		"scopes":           object{"openid": "who signs in"},
	}}}
}
