// fastman: file keycloak
package auth

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"
)

// KeycloakConfig is the realm of Keycloak whose users sign in to this app. Without URL,
// Realm and ClientID none of them can: what they ask for is answered with 503.
type KeycloakConfig struct {
	// URL is where Keycloak is, such as https://sso.example.com. In production it has to
	// be https.
	URL string

	// Realm is the name of the realm.
	Realm string

	// ClientID is how the realm calls this app. Tokens that are not for it are refused.
	ClientID string

	// CAFile names a file of certificates in PEM, which are trusted beside those of the
	// system. The default is none.
	CAFile string
}

// loadKeycloak takes what stands in env files until somebody sets it for nothing.
func loadKeycloak(getenv func(string) string) KeycloakConfig {
	read := func(name, placeholder string) string {
		if value := getenv(name); value != placeholder {
			return value
		}
		return ""
	}
	return KeycloakConfig{
		URL:      strings.TrimRight(read("KEYCLOAK_URL", "https://keycloak.example.com"), "/"),
		Realm:    read("KEYCLOAK_REALM", "my-realm"),
		ClientID: read("KEYCLOAK_CLIENT_ID", "my-client"),
		CAFile:   getenv("KEYCLOAK_CA_FILE"),
	}
}

// missing names the variables without which nobody can sign in.
func (c KeycloakConfig) missing() []string {
	var names []string
	for _, v := range []struct{ name, value string }{
		{"KEYCLOAK_URL", c.URL}, {"KEYCLOAK_REALM", c.Realm}, {"KEYCLOAK_CLIENT_ID", c.ClientID},
	} {
		if v.value == "" {
			names = append(names, v.name)
		}
	}
	return names
}

// issuer is what the realm calls itself; "" if this app has none.
func (c KeycloakConfig) issuer() string {
	if len(c.missing()) > 0 {
		return ""
	}
	return strings.TrimRight(c.URL, "/") + "/realms/" + c.Realm
}

func (c KeycloakConfig) check(production bool) error {
	if c.URL == "" {
		return nil
	}
	parts, err := url.Parse(c.URL)
	if err != nil || (parts.Scheme != "http" && parts.Scheme != "https") || parts.Hostname() == "" {
		return errors.New("KEYCLOAK_URL is not an address\nset it to an https address, or remove it")
	}
	if production && parts.Scheme != "https" { // anybody on the way could sign in as anybody
		return errors.New("KEYCLOAK_URL is not https\nset it to an https address, or remove it")
	}
	return nil
}

// authorities are the certificates that Keycloak's may be signed with; nil: the system's.
func (c KeycloakConfig) authorities() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	all, err := x509.SystemCertPool()
	if err != nil {
		all = x509.NewCertPool()
	}
	if text, err := os.ReadFile(c.CAFile); err != nil || !all.AppendCertsFromPEM(text) {
		return nil, errors.New("KEYCLOAK_CA_FILE holds no certificate\nset it to a file of certificates in PEM, or remove it")
	}
	return all, nil
}
