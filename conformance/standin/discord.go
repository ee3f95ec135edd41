package standin

import "net/http"

var discord = dialect{
	name: nameDiscord, title: "Discord", scopes: []string{"identify", "email"},
	paths: map[Endpoint]string{Authorize: "/oauth2/authorize", Token: "/api/oauth2/token", User: "/api/users/@me"},
	serve: map[Endpoint]func(*Provider, http.ResponseWriter, *http.Request){
		Authorize: authorize, Token: token, User: discordUser,
	},
	number: digits(18),
}

func discordUser(p *Provider, w http.ResponseWriter, r *http.Request) {
	given, known := p.bearer(r)
	if !known {
		answerJSON(w, http.StatusUnauthorized, map[string]any{"message": "401: Unauthorized", "code": 0})
		return
	}
	account := given.account
	answer := map[string]any{
		"id": account.Subject, "username": account.Username, "global_name": orNull(account.Name),
		"discriminator": "0", "avatar": orNull(account.Picture),
	}
	if given.may("email") {
		answer["email"], answer["verified"] = orNull(account.Email), account.Verified
	}
	p.change(User, answer)
	answerJSON(w, http.StatusOK, answer)
}
