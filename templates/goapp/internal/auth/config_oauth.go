// fastman: file oauth
package auth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// OAuthClient is this app as a provider knows it.
type OAuthClient struct {
	// ID and Secret are what the provider gave this app where it was registered.
	// Without them people cannot sign in with that provider: it answers 503.
	ID, Secret string

	// Site is where the provider is, if it is elsewhere than its own on the internet.
	// In production that has to be https.
	// fastman: if github
	// For a GitHub Enterprise it is that one's.
	// fastman: end
	// fastman: if oidc
	// For oidc it is the issuer, exactly as it calls itself.
	// fastman: end
	Site string
}

// When the verified address of a provider opens an account that has it already.
const (
	linkAuthoritative = "authoritative"
	linkVerified      = "verified"
)

// loadOAuthClients reads the variables of all providers. Those of the first one are
// named after none.
func loadOAuthClients(getenv func(string) string) map[string]OAuthClient {
	all := map[string]OAuthClient{}
	for _, p := range providers {
		all[p.name] = OAuthClient{ID: getenv(p.variable("CLIENT_ID")), Secret: getenv(p.variable("CLIENT_SECRET")), Site: getenv(p.siteVariable)}
	}
	return all
}

func (p provider) variable(name string) string {
	if p.name == firstProvider {
		return "OAUTH_" + name
	}
	return "OAUTH_" + strings.ToUpper(p.name) + "_" + name
}

// isUnset also finds what stands in env files until somebody registers the app, such as
// your-client-id.
func isUnset(value string) bool {
	return value == "" || isPlaceholder(value) || strings.HasPrefix(strings.TrimPrefix(strings.ToLower(value), "https://"), "your-")
}

func (c Config) checkOAuth() error {
	for _, p := range providers {
		if err := c.checkSite(p.siteVariable, c.OAuthClients[p.name].Site); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{linkAuthoritative, linkVerified}, c.OAuthLinkByEmail) {
		return errors.New("OAUTH_LINK_BY_EMAIL is neither authoritative nor verified\nset it to one of them, or remove it")
	}
	for _, address := range c.AppRedirects {
		if parts, err := url.Parse(address); err != nil || parts.Scheme == "" || parts.Fragment != "" {
			return fmt.Errorf("AUTH_APP_REDIRECTS names %q, which is no address\nset it to addresses such as com.example.app:/signed-in", address)
		}
	}
	return nil
}

func (c Config) checkSite(variable, site string) error {
	if site == "" {
		return nil
	}
	parts, err := url.Parse(site)
	if err != nil || (parts.Scheme != "http" && parts.Scheme != "https") || parts.Hostname() == "" {
		return fmt.Errorf("%s is not an address\nset it to an https address, or remove it", variable)
	}
	if c.production() && parts.Scheme != "https" { // anybody on the way could sign in as anybody
		return fmt.Errorf("%s is not https\nset it to an https address, or remove it", variable)
	}
	return nil
}

// usesProviders tells whether this app is registered with any provider.
func (c Config) usesProviders() bool {
	return slices.ContainsFunc(providers, func(p provider) bool {
		client := p.client(c)
		return !isUnset(client.ID) && !isUnset(client.Secret)
	})
}
