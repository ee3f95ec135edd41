// fastman: file passkey
package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// appOrigin is what a native app has in place of an address.
var appOrigin = regexp.MustCompile(`^(android:apk-key-hash|ios:bundle-id):[^\s,]+$`)

func (c *Config) completePasskeys() {
	c.PasskeyRPID = cmp.Or(c.PasskeyRPID, "localhost")
	c.PasskeyRPName = cmp.Or(c.PasskeyRPName, c.appName())
	c.PasskeyTokenLifetime = cmp.Or(c.PasskeyTokenLifetime, time.Hour)
	if len(c.PasskeyOrigins) == 0 {
		c.PasskeyOrigins = []string{"http://localhost:8000"}
	}
	c.PasskeyOrigins = slices.Clone(c.PasskeyOrigins)
	for i, origin := range c.PasskeyOrigins {
		c.PasskeyOrigins[i] = strings.TrimSuffix(origin, "/")
	}
}

func (c Config) checkPasskeys() error {
	if c.PasskeyTokenLifetime < 0 {
		return errors.New("the lifetimes of tokens and sessions must not be negative")
	}
	for _, origin := range c.PasskeyOrigins {
		if appOrigin.MatchString(origin) {
			continue
		}
		host, ok := hostOfOrigin(origin)
		if !ok {
			return errors.New("PASSKEY_ORIGIN is not a list of origins\nset it to addresses without a path, such as https://app.example.com")
		}
		if host != c.PasskeyRPID && !strings.HasSuffix(host, "."+c.PasskeyRPID) {
			return errors.New("PASSKEY_ORIGIN does not belong to PASSKEY_RP_ID\nset PASSKEY_RP_ID to the domain of those addresses")
		}
	}
	return nil
}

// hostOfOrigin reads scheme://host[:port] and nothing else.
func hostOfOrigin(origin string) (host string, ok bool) {
	parts, err := url.Parse(origin)
	if err != nil || parts.Scheme != "http" && parts.Scheme != "https" || parts.Hostname() == "" {
		return "", false
	}
	return parts.Hostname(), origin == parts.Scheme+"://"+parts.Host
}

// warnOfPasskeys says in production what works on a developer's machine alone.
func (c Config) warnOfPasskeys(ctx context.Context, log *slog.Logger) {
	if !c.production() {
		return
	}
	warn := func(problem string) {
		logEvent(ctx, log, slog.LevelWarn, "auth.passkey.local", slog.String("problem", problem))
	}
	if c.PasskeyRPID == "localhost" {
		warn("PASSKEY_RP_ID is localhost: passkeys work on this machine alone")
	}
	if slices.ContainsFunc(c.PasskeyOrigins, func(origin string) bool { return strings.HasPrefix(origin, "http://") }) {
		warn("PASSKEY_ORIGIN has an http address: browsers offer passkeys over https alone")
	}
}
