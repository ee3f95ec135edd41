// fastman: file passkey
package auth

func passkeyOperations() []operation {
	anything := object{"type": "object"} // WebAuthn says what is in it
	registered := texts("status", "credential_id", "access_token?", "token_type?", "refresh_token?")
	registered["properties"].(object)["expires_in"] = object{"type": "integer"}
	answer := texts("email", "device_name?")
	answer["properties"].(object)["credential"] = anything
	return []operation{
		{method: "post", path: "/passkey/register/options", summary: "What a browser makes a passkey from", body: texts("email", "username?"),
			status: 200, answer: anything},
		{method: "post", path: "/passkey/register/verify", summary: "Sign up with a passkey, or add one", body: answer, status: 201, answer: registered},
		{method: "post", path: "/passkey/authenticate/options", summary: "What a browser signs in with", body: texts("email?"), status: 200, answer: anything},
		{method: "post", path: "/passkey/authenticate/verify", summary: "Sign in with a passkey", status: 200, answer: ref("Token"),
			body: object{"type": "object", "properties": object{"credential": anything}, "required": []string{"credential"}}},
		{method: "get", path: "/passkey/me", summary: "The user who is signed in", signedIn: true, status: 200, answer: ref("User")},
		{method: "get", path: "/passkey/credentials", summary: "The user's passkeys", signedIn: true, status: 200,
			answer: object{"type": "array", "items": ref("Passkey")}},
		{method: "patch", path: "/passkey/credentials/{credential_id}", summary: "Rename a passkey", signedIn: true, body: texts("device_name"),
			status: 200, answer: ref("Passkey")},
		{method: "delete", path: "/passkey/credentials/{credential_id}", summary: "Remove a passkey", signedIn: true, status: 204},
		{method: "post", path: "/passkey/recovery", summary: "Sign in with a recovery code, or a mailed token", body: texts("email?", "code?", "token?"),
			status: 200, answer: ref("Token")},
		{method: "post", path: "/passkey/recovery/codes", summary: "New recovery codes", signedIn: true, status: 200,
			answer: object{"type": "object", "properties": object{"codes": object{"type": "array", "items": object{"type": "string"}}}}},
		{method: "post", path: "/passkey/recovery/request", summary: "Mail a link that recovers the account", body: texts("email"), status: 202, answer: object{}},
	}
}
