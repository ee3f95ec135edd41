// fastman: file discord
package auth

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// discord speaks Discord's own API.
type discord struct {
	site  string
	calls *calls
}

func newDiscord(c OAuthClient, calls *calls) protocol {
	return discord{c.Site, calls}
}

func (d discord) server(context.Context) (server, error) {
	return server{Endpoint: oauth2.Endpoint{
		AuthURL:   d.site + "/oauth2/authorize",
		TokenURL:  d.site + "/api/oauth2/token",
		AuthStyle: oauth2.AuthStyleInParams,
	}}, nil
}

type discordUser struct {
	ID       string `json:"id"` // a number, which holds when the account was made
	Username string `json:"username"`
	Avatar   string `json:"avatar"`
	Email    string `json:"email"`
	Verified bool   `json:"verified"`
}

func (d discord) profile(ctx context.Context, token *oauth2.Token, _ authorization) (profile, error) {
	var user discordUser
	if err := d.calls.getJSON(ctx, token, d.site+"/api/users/@me", &user); err != nil {
		return profile{}, unavailable("users/@me", err)
	}
	if !user.Verified {
		user.Email = ""
	}
	return profile{subject: user.ID, email: user.Email, name: user.Username, avatarURL: user.avatarURL()}, nil
}

// avatarURL follows "Image Formatting" of Discord's reference.
func (u discordUser) avatarURL() string {
	id, err := strconv.ParseUint(u.ID, 10, 64)
	switch {
	case err != nil:
		return ""
	case u.Avatar == "":
		return fmt.Sprintf("https://cdn.discordapp.com/embed/avatars/%d.png", (id>>22)%6)
	case strings.HasPrefix(u.Avatar, "a_"): // it is animated
		return fmt.Sprintf("https://cdn.discordapp.com/avatars/%d/%s.gif", id, u.Avatar)
	}
	return fmt.Sprintf("https://cdn.discordapp.com/avatars/%d/%s.png", id, u.Avatar)
}
