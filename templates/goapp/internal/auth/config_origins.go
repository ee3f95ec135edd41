// fastman: file oauth or ui
package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// crossOrigin tells requests of this app's pages from those of others.
func (c Config) crossOrigin() (*http.CrossOriginProtection, error) {
	protection := http.NewCrossOriginProtection()
	if public, err := url.Parse(c.PublicURL); err == nil && public.Host != "" {
		if err := protection.AddTrustedOrigin(strings.ToLower(public.Scheme + "://" + public.Host)); err != nil {
			return nil, err
		}
	}
	for _, origin := range c.TrustedOrigins {
		if err := protection.AddTrustedOrigin(strings.TrimSuffix(origin, "/")); err != nil {
			return nil, fmt.Errorf("AUTH_TRUSTED_ORIGINS names %q, which is no origin\nset it to origins such as https://www.example.com", origin)
		}
	}
	return protection, nil
}
