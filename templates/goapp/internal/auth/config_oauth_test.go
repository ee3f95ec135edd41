// fastman: file oauth
package auth

import (
	"strings"
	"testing"
)

// Values that are unsafe or unreadable stop the start, which says which.
func TestUnsafeOAuthConfig(t *testing.T) {
	first := providers[0]
	for want, variables := range map[string]map[string]string{
		first.siteVariable + " is not https":         {first.siteVariable: "http://sso.example.com"},
		first.siteVariable + " is not an address":    {first.siteVariable: "sso.example.com"},
		"OAUTH_LINK_BY_EMAIL is neither":             {"OAUTH_LINK_BY_EMAIL": "always"},
		"AUTH_TRUSTED_ORIGINS names \"example.com\"": {"AUTH_TRUSTED_ORIGINS": "https://example.com, example.com"},
		"AUTH_APP_REDIRECTS names \"/here\"":         {"AUTH_APP_REDIRECTS": "/here"},
		"AUTH_PUBLIC_URL is not set": {
			first.variable("CLIENT_ID"): "an id", first.variable("CLIENT_SECRET"): "a secret", first.siteVariable: "https://sso.example.com",
		},
	} {
		if _, err := load(variables); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// What stands in env files until the app is registered counts as nothing, also in
// production.
func TestPlaceholders(t *testing.T) {
	first := providers[0]
	c, err := load(map[string]string{first.variable("CLIENT_ID"): "your-client-id", first.variable("CLIENT_SECRET"): "your-client-secret"})
	if err != nil {
		t.Fatal(err)
	}
	if c.usesProviders() || c.AfterLoginURL != "/auth/me" || c.OAuthLinkByEmail != linkAuthoritative {
		t.Errorf("%+v", c)
	}
}
