// fastman: file oauth
package auth

func oauthOperations() []operation {
	begin := []string{"next", "app_redirect", "app_state", "code_challenge"}
	end := []string{"state", "code", "error"}
	return []operation{
		{method: "get", path: "/login", summary: "Sign in with the first provider", query: begin, status: 302},
		{method: "get", path: "/login/{provider}", summary: "Sign in with a provider", query: begin, status: 302},
		{method: "get", path: "/callback", summary: "Where the first provider sends people back", query: end, status: 303},
		{method: "get", path: "/callback/{provider}", summary: "Where a provider sends people back", query: end, status: 303},
		{method: "post", path: "/token", summary: "Tokens for the code of a native app", body: texts("code", "code_verifier"), status: 200, answer: ref("Token")},
		{method: "post", path: "/providers/{provider}", summary: "Begin to link a provider", signedIn: true, query: []string{"next"},
			status: 200, answer: texts("url")},
	}
}
