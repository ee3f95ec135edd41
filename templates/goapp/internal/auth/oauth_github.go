// fastman: file github
package auth

import (
	"cmp"
	"context"
	"strconv"

	"golang.org/x/oauth2"
)

// gitHub speaks GitHub's own API, version 3. It is the same at a GitHub Enterprise, but
// for where it is.
type gitHub struct {
	site, api string
	calls     *calls
}

func newGitHub(c OAuthClient, calls *calls) protocol {
	if c.Site == "https://github.com" {
		return gitHub{c.Site, "https://api.github.com", calls}
	}
	return gitHub{c.Site, c.Site + "/api/v3", calls}
}

func (g gitHub) server(context.Context) (server, error) {
	return server{Endpoint: oauth2.Endpoint{
		AuthURL:   g.site + "/login/oauth/authorize",
		TokenURL:  g.site + "/login/oauth/access_token",
		AuthStyle: oauth2.AuthStyleInParams,
	}}, nil
}

func (g gitHub) profile(ctx context.Context, token *oauth2.Token, _ authorization) (profile, error) {
	var user struct {
		ID        int64  `json:"id"` // the login can be given up, and taken by somebody else
		Login     string `json:"login"`
		Name      string `json:"name"`
		AvatarURL string `json:"avatar_url"`
	}
	if err := g.calls.getJSON(ctx, token, g.api+"/user", &user); err != nil {
		return profile{}, unavailable("user", err)
	}
	if user.ID <= 0 {
		return profile{}, disbelieve("subject", "there is no id")
	}
	email, err := g.email(ctx, token)
	return profile{
		subject:   strconv.FormatInt(user.ID, 10),
		email:     email,
		name:      cmp.Or(user.Name, user.Login),
		avatarURL: user.AvatarURL,
	}, err
}

// email is the primary one, if it is verified. The one of /user is what somebody shows
// to the world, and none for many.
func (g gitHub) email(ctx context.Context, token *oauth2.Token) (string, error) {
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	if err := g.calls.getJSON(ctx, token, g.api+"/user/emails?per_page=100", &emails); err != nil {
		return "", unavailable("user/emails", err)
	}
	if emails == nil {
		return "", disbelieve("unavailable", "user/emails: there is no list")
	}
	for _, e := range emails {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", nil
}
