package conformance

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"fastman/internal/feature"
)

var keycloakSettingsCases = []Case{
	{
		Name: "keycloak/placeholders-count-as-not-set", Section: "Settings: KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET",
		Type: feature.Keycloak, ASVS: []string{"6.3.2", "16.5.3"}, Needs: []Need{NeedBoot, NeedOutput}, Run: keycloakPlaceholders,
	},
	{
		Name: "keycloak/unsafe-addresses-stop-the-start", Section: "keycloak: No switch turns verification off",
		Type: feature.Keycloak, Needs: []Need{NeedBoot}, Run: keycloakUnsafe,
	},
	{
		Name: "keycloak/a-slash-behind-the-address-is-none", Section: "Settings: KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET",
		Type: feature.Keycloak, Needs: []Need{NeedBoot}, Run: keycloakSlash,
	},
	{
		Name: "keycloak/the-log-says-why-and-what-cures-it", Section: "Log: Structured events",
		Type: feature.Keycloak, ASVS: []string{"16.2.5", "16.3.1", "16.4.1"}, Needs: []Need{NeedBoot, NeedOutput}, Run: keycloakLog,
	},
	{
		Name: "keycloak/a-flood-of-bad-tokens-is-few-lines", Section: "Log: Structured events",
		Type: feature.Keycloak, ASVS: []string{"16.3.1"}, Needs: []Need{NeedBoot, NeedOutput}, Run: keycloakFlood,
	},
}

const keycloakOff = "Sign-in with Keycloak is not configured"

func keycloakPlaceholders(t *T) {
	compact := t.sealed(t.arrival())
	for _, env := range []map[string]string{
		{"KEYCLOAK_URL": "https://keycloak.example.com", "KEYCLOAK_REALM": "my-realm", "KEYCLOAK_CLIENT_ID": "my-client", "KEYCLOAK_CLIENT_SECRET": "your-secret"},
		{"KEYCLOAK_URL": "", "KEYCLOAK_CLIENT_SECRET": ""},
		{"KEYCLOAK_CLIENT_ID": "my-client"},
	} {
		app := t.boot(env)
		app.me(compact).refused("a token of Keycloak without settings", http.StatusServiceUnavailable, keycloakOff)
		app.send(get("//health")).expect("/health meanwhile", http.StatusOK, http.StatusNotFound)
		if app.tokensOnly() {
			app.send(get("/me")).expect("no token meanwhile", http.StatusServiceUnavailable)
		} else {
			app.send(get("/me")).denied("no token meanwhile", noToken)
		}
		for name := range env {
			if name != "KEYCLOAK_CLIENT_SECRET" && !strings.Contains(app.target.Output(), name) {
				t.Errorf("the log does not name %s, which is not set", name)
			}
		}
	}
	app := t.boot(map[string]string{"KEYCLOAK_CLIENT_SECRET": "your-secret"})
	app.recovers("a token without the client's secret", compact)
	if secret := t.target.Realm.ClientSecret; len(secret) >= probeLength {
		for _, log := range t.target.secrets.logged() {
			if strings.Contains(log, secret) {
				t.Errorf("a log holds the client's secret")
			}
		}
	}
}

func keycloakUnsafe(t *T) {
	t.refuses("http in production", t.inProduction("KEYCLOAK_URL", "http://keycloak.example.org"), "KEYCLOAK_URL is not https")
	t.refuses("no address", map[string]string{"KEYCLOAK_URL": "keycloak"}, "KEYCLOAK_URL")
	t.boot(t.inProduction("KEYCLOAK_URL", "https://127.0.0.1:1")).send(get("//health")).expect("an address of https in production", http.StatusOK, http.StatusNotFound)
}

func keycloakSlash(t *T) {
	app := t.boot(map[string]string{"KEYCLOAK_URL": t.target.Realm.URL + "/"})
	app.recovers("a token with KEYCLOAK_URL written with a slash", app.sealed(app.arrival()))
}

// refusals are the lines of the log that say why a token was refused.
func (t *T) refusals() []string {
	var lines []string
	for line := range strings.Lines(t.target.Output()) {
		if strings.Contains(line, "auth.keycloak.refused") {
			lines = append(lines, line)
		}
	}
	return lines
}

func keycloakLog(t *T) {
	app := t.boot(nil)
	k := app.arrival()
	app.recovers("a token", app.sealed(k))
	address := "https://other.example/realms/x\n\x1b[31mforged auth.login.ok" + strings.Repeat("y", 300)
	for _, one := range []struct {
		reason, token string
		mentions      []string
	}{
		{"audience", app.sealed(k.claim("aud", []string{"account"})), []string{"hint=", "account", app.target.Realm.ClientID, "udience"}},
		{"issuer", app.sealed(k.claim("iss", address)), []string{"hint=", "https://other.example/realms/x", app.target.Realm.issuer()}},
		{"expired", app.sealed(k.claim("exp", secondsFrom(-5*time.Second))), []string{"hint=", "clock"}},
		{"not_yet", app.sealed(k.claim("nbf", secondsFrom(time.Hour))), []string{"hint=", "clock"}},
		{"type", app.sealed(k.claim("typ", "ID")), []string{"hint="}},
		{"signature", k.signedWith(keyPairs(app)[0]), nil},
		{"key", app.sealed(k.head("kid", "unknown")), nil},
		{"algorithm", k.head("alg", "HS256").signed([]byte("x")), nil},
		{"malformed", "a.b.c.d", nil},
		{"subject", app.sealed(k.claim("sub", "")), nil},
	} {
		before := len(app.refusals())
		app.me(one.token).denied("a token with a wrong "+one.reason, badToken)
		app.wantRefusal(one.reason, before, one.mentions)
	}
	log := app.target.Output()
	for _, secret := range []string{app.sealed(k), k.claims["sub"].(string), k.claims["email"].(string), k.claims["preferred_username"].(string)} {
		if strings.Contains(log, secret) || strings.Contains(log, secret[:min(len(secret), 200)]) {
			t.Errorf("the log holds a token, or a claim of it: %.40s", masked(secret))
		}
	}
	if strings.Contains(log, "\x1b") || regexp.MustCompile(`(?m)^.{0,3}forged`).MatchString(log) || strings.Contains(log, strings.Repeat("y", 200)) {
		t.Errorf("a claim of a token is in the log as it came, or in full")
	}
}

// wantRefusal expects one line more, which says why and names what helps.
func (t *T) wantRefusal(reason string, before int, mentions []string) {
	var lines []string
	within(2*time.Second, func() bool {
		lines = t.refusals()[before:]
		return len(lines) > 0
	})
	if t.tokensOnly() || reason != "malformed" { // elsewhere it is none of Keycloak's
		if len(lines) != 1 || !strings.Contains(lines[0], "reason="+reason) && !strings.Contains(lines[0], `reason="`+reason+`"`) {
			t.Errorf("a token with a wrong %s: the log has %q", reason, lines)
			return
		}
	}
	for _, text := range mentions {
		if !strings.Contains(lines[0], text) {
			t.Errorf("reason=%s does not mention %q: %s", reason, text, lines[0])
		}
	}
}

func keycloakFlood(t *T) {
	app := t.boot(nil)
	k := app.arrival()
	app.recovers("a token", app.sealed(k))
	start := time.Now()
	for i := range 100 {
		app.me(app.sealed(k.claim("aud", fmt.Sprint("other-", i)))).want(http.StatusUnauthorized)
	}
	most := 1 + int(time.Since(start)/onceIn)
	if n := len(app.refusals()); n < 1 || n > most {
		t.Errorf("100 tokens for other clients leave %d lines, want %d", n, most)
	}
}
