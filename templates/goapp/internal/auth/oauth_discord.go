// fastman: file discord
package auth

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// discord speaks Discord's own API.
type discord struct {
	site  string
	calls *http.Client
}

func newDiscord(c OAuthClient, calls *http.Client) protocol {
	return discord{strings.TrimRight(c.Site, "/"), calls}
}

func (d discord) server(context.Context) (server, error) {
	return server{Endpoint: oauth2.Endpoint{
		AuthURL:   d.site + "/oauth2/authorize",
		TokenURL:  d.site + "/api/oauth2/token",
		AuthStyle: oauth2.AuthStyleInParams,
	}}, nil
}

type discordUser struct {
	ID            string `json:"id"` // a number, which holds when the account was made
	Username      string `json:"username"`
	Discriminator string `json:"discriminator"` // "0" for all but old accounts
	Avatar        string `json:"avatar"`
	Email         string `json:"email"`
	Verified      bool   `json:"verified"`
}

func (d discord) profile(ctx context.Context, token *oauth2.Token, _ authorization) (profile, error) {
	var user discordUser
	if err := getJSON(ctx, d.calls, token, d.site+"/api/users/@me", &user); err != nil {
		return profile{}, blame("users/@me", err)
	}
	if !user.Verified {
		user.Email = ""
	}
	avatarURL, err := user.avatarURL()
	return profile{subject: user.ID, email: user.Email, name: user.Username, avatarURL: avatarURL}, err
}

// avatarURL follows "Image Formatting" of Discord's reference.
func (u discordUser) avatarURL() (string, error) {
	id, err := strconv.ParseUint(u.ID, 10, 64)
	if err != nil {
		return "", failure("users/@me: the id is no number")
	}
	if u.Avatar == "" {
		index := (id >> 22) % 6
		if old, err := strconv.ParseUint(u.Discriminator, 10, 64); err == nil && old > 0 {
			index = old % 5
		}
		return fmt.Sprintf("https://cdn.discordapp.com/embed/avatars/%d.png", index), nil
	}
	format := "png"
	if strings.HasPrefix(u.Avatar, "a_") { // it is animated
		format = "gif"
	}
	return fmt.Sprintf("https://cdn.discordapp.com/avatars/%s/%s.%s", u.ID, u.Avatar, format), nil
}
