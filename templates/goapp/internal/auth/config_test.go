// fastman: file jwt or oauth or passkey
package auth

import (
	"strings"
	"testing"
	"time"
)

func load(variables map[string]string) (Config, error) {
	if _, set := variables["SECRET_KEY"]; !set {
		variables["SECRET_KEY"] = strings.Repeat("a key of tests ", 3)
	}
	return LoadConfig(func(name string) string { return variables[name] })
}

// Without any variable but the key, the app runs as in production.
func TestDefaults(t *testing.T) {
	c, err := load(map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.production() || c.Issuer != "fastman:app" || c.Prefix != "/auth" || c.AccessTokenLifetime != 30*time.Minute ||
		c.SessionIdle != 30*day || c.SessionMax != 90*day {
		t.Errorf("%+v", c)
	}
}

// Values that are unsafe or unreadable stop the start, which says which, and not what.
func TestUnsafeConfig(t *testing.T) {
	const short = "a short key"
	for want, variables := range map[string]map[string]string{
		"SECRET_KEY is not set\nrun: fastman generate:key": {"SECRET_KEY": ""},
		"SECRET_KEY is shorter than 32 bytes":              {"SECRET_KEY": short},
		"SECRET_KEY is a placeholder":                      {"SECRET_KEY": "your-secret-key-here-0123456789-0123456789"},
		"SECRET_KEY_PREVIOUS is shorter":                   {"SECRET_KEY_PREVIOUS": short},
		"ACCESS_TOKEN_EXPIRE_MINUTES is not":               {"ACCESS_TOKEN_EXPIRE_MINUTES": "soon"},
		"SESSION_MAX_DAYS is not between 1 and 3650":       {"SESSION_MAX_DAYS": "0"},
		"AUTH_PUBLIC_URL is not set":                       {"AUTH_MAIL_URL": "file:mails"},
		"AUTH_PUBLIC_URL is not an address":                {"AUTH_PUBLIC_URL": "javascript:alert(1)"},
		"AUTH_TRUSTED_PROXIES names \"proxy\"":             {"AUTH_TRUSTED_PROXIES": "10.0.0.7, proxy"},
		"AUTH_TRUSTED_PROXIES names \"10.0.0.7/8\"":        {"AUTH_TRUSTED_PROXIES": "10.0.0.7/8"},
	} {
		_, err := load(variables)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), short) {
			t.Errorf("the value is given away: %v", err)
		}
	}
}
