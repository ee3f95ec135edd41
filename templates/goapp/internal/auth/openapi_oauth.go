// fastman: file oauth
package auth

import "strings"

func oauthOperations() []operation {
	begin := []string{"next", "app_redirect", "app_state", "code_challenge"}
	end := []string{"state", "code", "error"}
	return []operation{
		{method: "get", path: "/login", summary: "Sign in with the first provider", query: begin, status: 302},
		{method: "get", path: "/login/{provider}", summary: "Sign in with a provider", query: begin, status: 302},
		{method: "get", path: "/callback", summary: "Where the first provider sends people back", query: end, status: 303},
		{method: "get", path: "/callback/{provider}", summary: "Where a provider sends people back", query: end, status: 303},
		{method: "post", path: "/token", summary: "Tokens for the code of a native app", body: texts("code", "code_verifier"), status: 200, answer: ref("Token")},
		{method: "get", path: "/providers", summary: "The user's identities", signedIn: true, status: 200,
			answer: object{"type": "array", "items": ref("Identity")}},
		{method: "post", path: "/providers/{provider}", summary: "Begin to link a provider", signedIn: true, query: []string{"next"},
			status: 200, answer: texts("url")},
		{method: "delete", path: "/providers/{provider}", summary: "Unlink a provider", signedIn: true, status: 204},
	}
}

// parameters are those of the query, and of a path that names a provider.
func (o operation) parameters() []object {
	var all []object
	if strings.HasSuffix(o.path, "{provider}") {
		all = append(all, object{"name": "provider", "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, name := range o.query {
		all = append(all, object{"name": name, "in": "query", "schema": object{"type": "string"}})
	}
	return all
}
