// fastman: file jwt
package auth

func passwordOperations() []operation {
	return []operation{
		{method: "post", path: "/register", summary: "Sign up", body: texts("email", "password", "username?"), status: 201, answer: ref("User")},
		{method: "post", path: "/login", summary: "Sign in by e-mail or username", body: texts("username", "password"), form: true,
			status: 200, answer: ref("Token")},
		{method: "post", path: "/password/change", summary: "Change the password", signedIn: true,
			body: texts("current_password", "new_password"), status: 204},
		{method: "post", path: "/password/set", summary: "Choose a first password", signedIn: true, body: texts("new_password"), status: 204},
		{method: "post", path: "/password/forgot", summary: "Mail a link to choose a new password", body: texts("email"), status: 202, answer: object{}},
		{method: "post", path: "/password/reset", summary: "Choose a new password with a mailed token",
			body: texts("token", "new_password"), status: 204},
	}
}

// securityScheme lets Swagger UI's Authorize sign in.
func (a *Auth) securityScheme() object {
	return object{"type": "oauth2", "flows": object{"password": object{"tokenUrl": a.config.Prefix + "/login", "scopes": object{}}}}
}
