// fastman: file jwt or oauth or passkey
package auth

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// secretMinBytes follows RFC 7518, section 3.2: a key of HS256 has at least the
// size of its hash.
const secretMinBytes = 32

// Config is what authentication is told by its app. The zero value of a field
// stands for its default; a SecretKey has none.
type Config struct {
	// Environment is development, test or production. Anything else, also nothing,
	// counts as production, where unsafe values stop the start.
	Environment string

	// SecretKey signs tokens: at least 32 random bytes, from `fastman generate:key`.
	// Another key ends all sessions.
	SecretKey string

	// PreviousSecretKeys are former keys. They verify tokens and sign none.
	PreviousSecretKeys []string

	// Issuer is `iss` and `aud` of every token, and names the app in its mails. The
	// default is "fastman:app". Another issuer ends all access tokens.
	Issuer string

	// Prefix is the path that all endpoints stand under. The default is "/auth".
	Prefix string

	// AccessTokenLifetime is how long an access token is good for. The default is
	// 30 minutes. Guards that read the database see the end of a session at once.
	AccessTokenLifetime time.Duration

	// SessionIdle ends a session that is not refreshed for so long. The default is
	// 30 days.
	SessionIdle time.Duration

	// SessionMax ends a session so long after it began, however often it is
	// refreshed. The default is 90 days.
	SessionMax time.Duration

	// PublicURL is where people open this app: the beginning of every link that is
	// mailed. In production mails need it; in development the request's Host serves.
	PublicURL string

	// MailURL is smtp://user:password@host:587?from=app@example.com, smtps://... or
	// file:DIR. Without it mails go to the log in development, and nowhere else.
	MailURL string

	// TrustedProxies are those whose X-Forwarded-For is believed. The default is none:
	// then attempts are counted by the address that connects.
	TrustedProxies []netip.Prefix

	// fastman: if jwt
	// PasswordMinLength is counted in Unicode characters. The default is 8.
	PasswordMinLength int

	// BcryptRounds doubles the work of a hash with each step. The default is 12; in
	// production at least 10. Stored hashes follow at the next sign-in.
	BcryptRounds int

	// HideRegistered keeps from whoever signs up whether an address has an account:
	// its owner is told by mail. Signing in then needs a verified address. The default
	// is false.
	HideRegistered bool
	// fastman: end
	// fastman: if oauth
	// OAuthClients are this app's registrations, by the names of the providers. A
	// provider without one answers 503.
	OAuthClients map[string]OAuthClient

	// OAuthLinkByEmail says when a verified address of a provider opens the account
	// that has it: "authoritative", the default, only if the provider gives out the
	// address itself; "verified" if any does, which can then open any account. People
	// are told to sign in and link the provider otherwise.
	OAuthLinkByEmail string

	// AfterLoginURL is where a sign-in leads that names no page. The default is
	// "/auth/me".
	AfterLoginURL string

	// AppRedirects are addresses of native apps, such as com.example.app:/signed-in,
	// that codes may be sent to. They are compared as they stand. The default is none.
	AppRedirects []string
	// fastman: end
	// fastman: if oauth or ui
	// TrustedOrigins are those besides this app's own, such as https://www.example.com,
	// whose pages may change something with the session cookie of their reader.
	TrustedOrigins []string
	// fastman: end
	// fastman: if passkey
	// PasskeyRPID is the domain that passkeys are for, with all below it. The default is
	// "localhost". Under another one nobody can use the passkeys of before.
	PasskeyRPID string

	// PasskeyRPName is how browsers call this app when they make a passkey. The default
	// is the app's name.
	PasskeyRPName string

	// PasskeyOrigins are the pages and apps that passkeys are used from, such as
	// https://app.example.com or android:apk-key-hash:... The default is
	// "http://localhost:8000".
	PasskeyOrigins []string

	// PasskeyTokenLifetime is AccessTokenLifetime of a session that began with a passkey.
	// The default is 60 minutes.
	PasskeyTokenLifetime time.Duration

	// PasskeyEmailRecovery lets whoever reads the mail of a verified address into its
	// account, to make another passkey. The default is false.
	PasskeyEmailRecovery bool
	// fastman: end
	// fastman: if keycloak
	// Keycloak is the realm whose users can sign in as well.
	Keycloak KeycloakConfig
	// fastman: end
}

// LoadConfig reads the variables of the environment by the names that README.md
// lists. It refuses values that are unsafe, and says what to do.
func LoadConfig(getenv func(string) string) (Config, error) {
	env := environment{getenv: getenv}
	c := Config{
		Environment:         getenv("ENVIRONMENT"),
		SecretKey:           getenv("SECRET_KEY"),
		PreviousSecretKeys:  split(getenv("SECRET_KEY_PREVIOUS")),
		Issuer:              getenv("AUTH_ISSUER"),
		AccessTokenLifetime: time.Duration(env.number("ACCESS_TOKEN_EXPIRE_MINUTES", 24*60)) * time.Minute,
		SessionIdle:         time.Duration(env.number("REFRESH_TOKEN_EXPIRE_DAYS", 3650)) * day,
		SessionMax:          time.Duration(env.number("SESSION_MAX_DAYS", 3650)) * day,
		PublicURL:           getenv("AUTH_PUBLIC_URL"),
		MailURL:             getenv("AUTH_MAIL_URL"),
		TrustedProxies:      env.networks("AUTH_TRUSTED_PROXIES"),
		// fastman: if jwt
		PasswordMinLength: env.number("PASSWORD_MIN_LENGTH", passwordMinLengthMax),
		BcryptRounds:      env.number("BCRYPT_ROUNDS", bcryptRoundsMax),
		HideRegistered:    !env.boolean("AUTH_REVEAL_REGISTERED", true),
		// fastman: end
		// fastman: if oauth
		OAuthClients:     loadOAuthClients(getenv),
		OAuthLinkByEmail: getenv("OAUTH_LINK_BY_EMAIL"),
		AfterLoginURL:    getenv("AUTH_AFTER_LOGIN_URL"),
		AppRedirects:     split(getenv("AUTH_APP_REDIRECTS")),
		// fastman: end
		// fastman: if oauth or ui
		TrustedOrigins: split(getenv("AUTH_TRUSTED_ORIGINS")),
		// fastman: end
		// fastman: if passkey
		PasskeyRPID:          getenv("PASSKEY_RP_ID"),
		PasskeyRPName:        getenv("PASSKEY_RP_NAME"),
		PasskeyOrigins:       split(getenv("PASSKEY_ORIGIN")),
		PasskeyTokenLifetime: time.Duration(env.number("PASSKEY_SESSION_EXPIRE_MINUTES", 24*60)) * time.Minute,
		PasskeyEmailRecovery: env.boolean("PASSKEY_EMAIL_RECOVERY", false),
		// fastman: end
		// fastman: if keycloak
		Keycloak: loadKeycloak(getenv),
		// fastman: end
	}
	if env.err != nil {
		return Config{}, env.err
	}
	return c.complete()
}

// complete fills in the defaults, and refuses what must not run.
func (c Config) complete() (Config, error) {
	c.Issuer = cmp.Or(c.Issuer, "fastman:app")
	c.Prefix = "/" + strings.Trim(cmp.Or(c.Prefix, "/auth"), "/")
	c.AccessTokenLifetime = cmp.Or(c.AccessTokenLifetime, 30*time.Minute)
	c.SessionIdle = cmp.Or(c.SessionIdle, 30*day)
	c.SessionMax = cmp.Or(c.SessionMax, 90*day)
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	// fastman: if jwt
	c.PasswordMinLength = cmp.Or(c.PasswordMinLength, 8)
	c.BcryptRounds = cmp.Or(c.BcryptRounds, 12)
	// fastman: end
	// fastman: if oauth
	c.OAuthLinkByEmail = cmp.Or(c.OAuthLinkByEmail, linkAuthoritative)
	c.AfterLoginURL = cmp.Or(c.AfterLoginURL, c.Prefix+"/me")
	// fastman: end
	// fastman: if passkey
	c.completePasskeys()
	// fastman: end
	return c, c.check()
}

func (c Config) check() error {
	if c.Prefix == "/" {
		return errors.New("the prefix has no path\nset it to one, such as /auth")
	}
	if min(c.AccessTokenLifetime, c.SessionIdle, c.SessionMax) <= 0 {
		return errors.New("the lifetimes of tokens and sessions must not be negative")
	}
	if err := c.checkSecrets(); err != nil {
		return err
	}
	// fastman: if jwt
	if err := c.checkPasswords(); err != nil {
		return err
	}
	// fastman: end
	// fastman: if oauth
	if err := c.checkOAuth(); err != nil {
		return err
	}
	// fastman: end
	// fastman: if oauth or ui
	if _, err := c.crossOrigin(); err != nil {
		return err
	}
	// fastman: end
	// fastman: if passkey
	if err := c.checkPasskeys(); err != nil {
		return err
	}
	// fastman: end
	// fastman: if keycloak
	if err := c.Keycloak.check(c.production()); err != nil {
		return err
	}
	// fastman: end
	return c.checkPublicURL()
}

func (c Config) development() bool { return c.Environment == "development" }

func (c Config) production() bool { return !c.development() && c.Environment != "test" }

// appName is how mails call this app.
func (c Config) appName() string { return strings.TrimPrefix(c.Issuer, "fastman:") }

func (c Config) checkSecrets() error {
	if c.SecretKey == "" {
		return errors.New("SECRET_KEY is not set\nrun: fastman generate:key")
	}
	if err := checkSecret("SECRET_KEY", c.SecretKey); err != nil {
		return err
	}
	for _, key := range c.PreviousSecretKeys {
		if err := checkSecret("SECRET_KEY_PREVIOUS", key); err != nil {
			return err
		}
	}
	return nil
}

func checkSecret(name, value string) error {
	if isPlaceholder(value) {
		return fmt.Errorf("%s is a placeholder, which anybody can guess\nrun: fastman generate:key", name)
	}
	if len(value) < secretMinBytes {
		return fmt.Errorf("%s is shorter than %d bytes\nrun: fastman generate:key", name, secretMinBytes)
	}
	return nil
}

func isPlaceholder(secret string) bool {
	secret = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(secret))
	for _, word := range []string{"changeme", "changethis", "yoursecret", "placeholder", "replaceme"} {
		if strings.Contains(secret, word) {
			return true
		}
	}
	return false
}

func (c Config) checkPublicURL() error {
	const remedy = "\nset it to where people open this app, such as https://app.example.com"
	if c.PublicURL == "" {
		if c.production() && c.MailURL != "" {
			return errors.New("AUTH_PUBLIC_URL is not set, and mails need it for their links" + remedy)
		}
		// fastman: if oauth
		if c.production() && c.usesProviders() {
			return errors.New("AUTH_PUBLIC_URL is not set, and sign-in with a provider needs it for its redirect address" + remedy)
		}
		// fastman: end
		return nil
	}
	parts, err := url.Parse(c.PublicURL)
	if err != nil || (parts.Scheme != "http" && parts.Scheme != "https") || parts.Hostname() == "" {
		return errors.New("AUTH_PUBLIC_URL is not an address" + remedy)
	}
	return nil
}

// fastman: if jwt
const (
	passwordMinLengthMax = 128
	bcryptRoundsMax      = 31 // of bcrypt itself
)

func (c Config) checkPasswords() error {
	leastLength, leastRounds := 1, 4
	if c.production() {
		leastLength, leastRounds = 8, 10
	}
	return errors.Join(
		between("PASSWORD_MIN_LENGTH", c.PasswordMinLength, leastLength, passwordMinLengthMax),
		between("BCRYPT_ROUNDS", c.BcryptRounds, leastRounds, bcryptRoundsMax))
}

// fastman: end
// environment reads variables, and keeps the first problem.
type environment struct {
	getenv func(string) string
	err    error
}

func (e *environment) refuse(name, problem string) {
	e.err = cmp.Or(e.err, fmt.Errorf("%s %s", name, problem))
}

// number is between 1 and most; 0 for a variable that is not set.
func (e *environment) number(name string, most int) int {
	text := e.getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		n = 0 // which no number may be
	}
	e.err = cmp.Or(e.err, between(name, n, 1, most))
	return n
}

func between(name string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s is not between %d and %d\nset it to another, or remove it", name, least, most)
	}
	return nil
}

// fastman: if jwt or passkey
func (e *environment) boolean(name string, byDefault bool) bool {
	switch strings.ToLower(e.getenv(name)) {
	case "":
		return byDefault
	case "true", "t", "yes", "y", "on", "1":
		return true
	case "false", "f", "no", "n", "off", "0":
		return false
	}
	e.refuse(name, "is neither true nor false")
	return byDefault
}

// fastman: end
func (e *environment) networks(name string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range split(e.getenv(name)) {
		network, err := parseNetwork(text)
		if err != nil {
			e.refuse(name, err.Error()+"\nset it to addresses or networks, such as 10.0.0.7,172.16.0.0/12")
		}
		all = append(all, network)
	}
	return all
}

func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("names %q, which is no IPv4 or IPv6 network", text)
	}
	if network != network.Masked() {
		return network, fmt.Errorf("names %q, whose host bits are set", text)
	}
	return network, nil
}

// split reads a list with commas.
func split(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
