// fastman: file oauth
package auth

import (
	"cmp"
	"context"
	"log/slog"
	"strings"

	"golang.org/x/oauth2"
)

const (
	// defaultProvider is the one that is meant where none is named.
	defaultProvider = "google"
	// firstProvider is the one whose client OAUTH_CLIENT_ID is, and to whose address no
	// name belongs.
	firstProvider = "google"
)

// provider is one that people sign in with. All that differs between two of one
// protocol is here.
type provider struct {
	name         string // in paths, in answers, in the names of variables
	title        string // in mails
	site         string // where it is, unless the settings say another place
	siteVariable string // the setting that does
	scopes       []string
	open         func(OAuthClient, *calls) protocol
}

var providers = []provider{
	// fastman: if google
	{
		name: "google", title: "Google", site: "https://accounts.google.com", siteVariable: "OAUTH_GOOGLE_URL",
		scopes: []string{"openid", "email", "profile"}, open: newGoogle,
	},
	// fastman: end
	// fastman: if github
	{
		name: "github", title: "GitHub", site: "https://github.com", siteVariable: "OAUTH_GITHUB_URL",
		scopes: []string{"read:user", "user:email"}, open: newGitHub,
	},
	// fastman: end
	// fastman: if discord
	{
		name: "discord", title: "Discord", site: "https://discord.com", siteVariable: "OAUTH_DISCORD_URL",
		scopes: []string{"identify", "email"}, open: newDiscord,
	},
	// fastman: end
	// fastman: if oidc
	{
		name: "oidc", title: "single sign-on", siteVariable: "OAUTH_OIDC_ISSUER",
		scopes: []string{"openid", "email", "profile"}, open: func(c OAuthClient, calls *calls) protocol { return newOpenID(c, calls) },
	},
	// fastman: end
}

// protocol is how a provider is spoken to.
type protocol interface {
	// server returns where people sign in, and where codes are exchanged.
	server(ctx context.Context) (server, error)
	// profile returns whom the answer to a code is about.
	profile(ctx context.Context, token *oauth2.Token, a authorization) (profile, error)
}

// server is the authorization server of a provider.
type server struct {
	oauth2.Endpoint
	// fastman: if google or oidc
	// issuer is who signs its id_tokens; "": it is no OpenID provider.
	issuer string
	// namesIssuer: its callbacks say who sends them.
	namesIssuer bool
	// fastman: end
}

// clientRegistration is what a service needs for people to sign in there.
type clientRegistration struct {
	scopes   []string
	clientID string // see OAuthClient
	secret   string // see OAuthClient
	lacks    string // a variable without which it cannot be used
	speak    protocol
}

// client is this app as the provider knows it, with what is the same for every app.
func (p provider) client(c Config) OAuthClient {
	client := c.OAuthClients[p.name]
	if p.site != "" { // an issuer is what it says to the letter
		client.Site = strings.TrimRight(cmp.Or(client.Site, p.site), "/")
	}
	return client
}

// newServices says of each provider that cannot be used what is missing.
func newServices(c Config, calls *calls, log *slog.Logger) map[string]*service {
	all := map[string]*service{}
	for _, p := range providers {
		client := p.client(c)
		s := &service{name: p.name, title: p.title, key: p.name, clientRegistration: clientRegistration{
			scopes: p.scopes, clientID: client.ID, secret: client.Secret, lacks: p.missing(c),
		}}
		if p.site == "" { // the name says nothing of who it is: its users are the issuer's
			s.key = client.Site
		}
		if s.lacks == "" {
			s.speak = p.open(client, calls)
		} else {
			s.warn(context.Background(), log)
		}
		all[p.name] = s
	}
	return all
}

// missing names a variable without which nobody can sign in with the provider.
func (p provider) missing(c Config) string {
	client := p.client(c)
	switch {
	case isUnset(client.ID):
		return p.variable("CLIENT_ID")
	case isUnset(client.Secret):
		return p.variable("CLIENT_SECRET")
	case isUnset(client.Site):
		return p.siteVariable
	case c.PublicURL == "" && !c.development(): // where people would be sent back to
		return "AUTH_PUBLIC_URL"
	}
	return ""
}

func (s *service) warn(ctx context.Context, log *slog.Logger) {
	logEvent(ctx, log, slog.LevelWarn, "auth.oauth.off", slog.String("provider", s.name), slog.String("problem", s.lacks+" is not set"))
}

// config is what the exchange of codes needs to know.
func (s *service) config(where server, redirectURI string) *oauth2.Config {
	return &oauth2.Config{ClientID: s.clientID, ClientSecret: s.secret, Endpoint: where.Endpoint, RedirectURL: redirectURI, Scopes: s.scopes}
}
