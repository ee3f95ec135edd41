// Package standin plays Google, GitHub, Discord, a generic OpenID provider and a realm of
// Keycloak on this machine, so that a whole sign-in can be seen and tested without an app registered
// anywhere. They keep to the protocols: discovery and rotating keys, PKCE, single-use
// codes bound to client and redirect address, GitHub's form-encoded answers. Faults can
// be built into each of their answers. They are no providers: whoever reaches them may
// sign in as anybody, which is why they listen on loopback addresses only.
package standin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"
)

// Providers are the four stand-ins, each with an origin of its own.
type Providers struct {
	Google, GitHub, Discord, OIDC *Provider

	// CertPEM is the certificate to trust where Options.TLS is set.
	CertPEM []byte
	client  *http.Client
	servers []*http.Server
}

// Options say where the stand-ins listen.
type Options struct {
	Host string // a loopback address; "" is 127.0.0.1
	TLS  bool   // serve https, by a certificate that is made for it
}

// Start serves all four until ctx ends or Close is called.
func Start(ctx context.Context, options Options) (*Providers, error) {
	host, err := options.loopback()
	if err != nil {
		return nil, err
	}
	all := &Providers{}
	var config *tls.Config
	if options.TLS {
		if config, all.CertPEM, err = selfSigned(host); err != nil {
			return nil, err
		}
	}
	all.client = newClient(all.CertPEM)
	for into, kind := range map[**Provider]dialect{&all.Google: google, &all.GitHub: github, &all.Discord: discord, &all.OIDC: oidc} {
		p, err := all.serve(host, config, kind)
		if err != nil {
			all.Close()
			return nil, err
		}
		*into = p
	}
	context.AfterFunc(ctx, all.Close)
	return all, nil
}

// loopback is the address to listen on, which nobody else can reach.
func (o Options) loopback() (string, error) {
	if o.Host == "" {
		return "127.0.0.1", nil
	}
	if ip := net.ParseIP(o.Host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("a stand-in for a provider would listen on %q, which others can reach\n"+
			"nothing was started: whoever reaches a stand-in signs in as anybody\nuse a loopback address, such as 127.0.0.1", o.Host)
	}
	return o.Host, nil
}

// serve starts one provider on a free port.
func (all *Providers) serve(host string, config *tls.Config, kind dialect) (*Provider, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if config != nil {
		scheme, listener = "https", tls.NewListener(listener, config)
	}
	p, err := newProvider(kind, scheme+"://"+listener.Addr().String())
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	all.servers = append(all.servers, server)
	go func() { _ = server.Serve(listener) }()
	return p, nil
}

// Close stops all four, whatever hangs.
func (all *Providers) Close() {
	for _, server := range all.servers {
		_ = server.Close()
	}
}

// Client is a client that trusts them and follows no redirects, as the part of a browser
// in which somebody picks an account.
func (all *Providers) Client() *http.Client { return all.client }

func newClient(certificate []byte) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64},
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// All returns the stand-ins in the order in which fastman lists providers.
func (all *Providers) All() []*Provider {
	return []*Provider{all.Google, all.GitHub, all.Discord, all.OIDC}
}

// Named returns the stand-in of a provider: google, github, discord or oidc.
func (all *Providers) Named(name string) *Provider {
	for _, p := range all.All() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Env is what an app must be told to use the stand-ins of those names, the first of
// which is the app's first provider.
func (all *Providers) Env(names ...string) map[string]string {
	env := map[string]string{}
	for i, name := range names {
		maps.Copy(env, all.Named(name).Env(i == 0))
	}
	return env
}

// AllowCallbacks registers the redirect addresses of an app whose routes stand under
// base, such as http://localhost:8000/auth.
func (all *Providers) AllowCallbacks(base string) {
	for _, p := range all.All() {
		p.AllowRedirects(base+"/callback", base+"/callback/"+p.Name)
	}
}

// Env is what an app must be told to use this stand-in. The first provider of an app
// has variables without its name.
func (p *Provider) Env(first bool) map[string]string {
	upper := strings.ToUpper(p.Name)
	prefix, address := "OAUTH_"+upper+"_", "OAUTH_"+upper+"_URL"
	if first {
		prefix = "OAUTH_"
	}
	if p.Name == nameOIDC {
		address = "OAUTH_OIDC_ISSUER"
	}
	return map[string]string{prefix + "CLIENT_ID": p.ClientID, prefix + "CLIENT_SECRET": p.ClientSecret, address: p.URL}
}
