package conformance

import (
	"net/http"
	"slices"
	"strings"

	"fastman/conformance/standin"
	"fastman/internal/feature"
)

var oauthSettingsCases = []Case{
	{
		Name: "oauth-settings/placeholders-count-as-not-set", Section: "Settings: OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET",
		Type: feature.OAuth, ASVS: []string{"6.3.2"}, Needs: []Need{NeedBoot}, Run: oauthPlaceholders,
	},
	{
		Name: "oauth-settings/unsafe-values-stop-the-start", Section: "Settings: Required in production when mail or oauth is on",
		Type: feature.OAuth, Needs: []Need{NeedBoot}, Run: oauthRefusedStarts,
	},
	{
		Name: "oauth-settings/after-login-leads-where-it-says", Section: "Settings: AUTH_AFTER_LOGIN_URL=/auth/me",
		Type: feature.OAuth, Needs: []Need{NeedBoot}, Run: oauthAfterLogin,
	},
	{
		Name: "oauth-settings/in-development-the-host-serves", Section: "Settings: only in development may the request's Host serve instead",
		Type: feature.OAuth, Needs: []Need{NeedBoot}, Run: oauthDevelopment,
	},
}

// settings are the names of a provider's variables: those of its client, and of its
// address.
func (t *T) settings(p *standin.Provider) (id, secret, address string) {
	for name := range p.Env(p == t.first()) {
		switch {
		case strings.HasSuffix(name, "_CLIENT_ID"):
			id = name
		case strings.HasSuffix(name, "_CLIENT_SECRET"):
			secret = name
		default:
			address = name
		}
	}
	return id, secret, address
}

// inProduction is what the app is told on top to run in production, whose providers are
// at addresses of https.
func (t *T) inProduction(pairs ...string) map[string]string {
	env := map[string]string{"ENVIRONMENT": "production", "BCRYPT_ROUNDS": "10"}
	if t.target.Providers != nil {
		for _, p := range t.providers() {
			_, _, address := t.settings(p)
			env[address] = "https://provider.example"
		}
	}
	if t.target.Set.Has(feature.Keycloak) {
		env["KEYCLOAK_URL"] = "https://keycloak.example"
	}
	for pair := range slices.Chunk(pairs, 2) {
		env[pair[0]] = pair[1]
	}
	return env
}

const notConfigured = "Sign-in with this provider is not configured"

func oauthPlaceholders(t *T) {
	for _, p := range t.providers() {
		id, secret, _ := t.settings(p)
		for name, value := range map[string]string{id: "your-client-id", secret: "your-client-secret"} {
			app := t.boot(map[string]string{name: value})
			for _, path := range []string{loginPath(p), loginPath(p, "next", "//evil.example")} {
				a := app.send(get(path)).refused(name+"="+value, http.StatusServiceUnavailable, notConfigured)
				if a.header.Get("Location") != "" || len(a.cookies()) > 0 {
					a.errorf("the browser is sent away, or a cookie is set")
				}
			}
			app.logs(name)
			app.send(get("/me")).expect("/me meanwhile", http.StatusUnauthorized)
			if strings.Contains(app.target.Output(), p.ClientSecret) {
				t.Errorf("the log holds the secret of a client")
			}
		}
	}
	app := t.boot(map[string]string{func() string { id, _, _ := t.settings(t.first()); return id }(): ""})
	app.send(get("/login")).refused("an empty client id", http.StatusServiceUnavailable, notConfigured)
}

func oauthRefusedStarts(t *T) {
	t.refuses("an unsafe value", map[string]string{"OAUTH_LINK_BY_EMAIL": "never"}, "OAUTH_LINK_BY_EMAIL is neither authoritative nor verified")
	t.refuses("an unsafe value", map[string]string{"AUTH_TRUSTED_ORIGINS": "spa.example"}, "AUTH_TRUSTED_ORIGINS")
	t.refuses("an unsafe value", map[string]string{"AUTH_TRUSTED_ORIGINS": "https://spa.example/path"}, "AUTH_TRUSTED_ORIGINS")
	// Stand-ins have no place in production.
	for _, p := range t.providers() {
		_, _, address := t.settings(p)
		t.refuses("a stand-in for "+p.Name+" in production", t.inProduction(address, p.URL), address+" is not https")
	}
	t.refuses("no address in production", t.inProduction("AUTH_PUBLIC_URL", "", "AUTH_MAIL_URL", ""), "AUTH_PUBLIC_URL is not set")
}

func oauthAfterLogin(t *T) {
	for _, address := range []string{"/welcome?from=login", "https://spa.example/home"} {
		app := t.boot(map[string]string{"AUTH_AFTER_LOGIN_URL": address})
		p := app.first()
		a := app.browser().signIn(p, person(p)).want(http.StatusSeeOther)
		if have := a.header.Get("Location"); have != address {
			a.errorf("with AUTH_AFTER_LOGIN_URL=%s the browser is sent to %q", address, have)
		}
		a = app.browser().signIn(p, person(p), "next", "/here").want(http.StatusSeeOther)
		if have := a.header.Get("Location"); have != "/here" {
			a.errorf("with next=/here the browser is sent to %q", have)
		}
	}
}

func oauthDevelopment(t *T) {
	app := t.boot(map[string]string{"ENVIRONMENT": "development", "AUTH_PUBLIC_URL": ""})
	for _, p := range app.providers() {
		b := app.browser()
		query := b.sent(p, b.send(get(loginPath(p)).with("X-Forwarded-Host", "evil.example").with("X-Forwarded-Proto", "https"))).address.Query()
		if have := query.Get("redirect_uri"); have != app.target.URL+app.page(app.callbackPath(p)) {
			t.Errorf("in development the redirect address is %q, want one of %s", have, app.target.URL)
		}
	}
	idle := t.boot(map[string]string{"AUTH_PUBLIC_URL": "", "AUTH_MAIL_URL": ""})
	idle.send(get("/login")).refused("a test environment without AUTH_PUBLIC_URL", http.StatusServiceUnavailable, notConfigured)
	idle.logs("AUTH_PUBLIC_URL")
}
