package standin

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Realm plays a realm of Keycloak: the one of docs/development-realm.json, with the same
// client, roles and developer, but for passwords, which it does not look at.
type Realm struct {
	*Provider        // its URL is the issuer
	Base      string // the server's address: KEYCLOAK_URL
	CertPEM   []byte // the certificate to trust where Options.TLS is set

	address string // host and port, which stay those of the first start
	config  *tls.Config
	lock    sync.Mutex
	server  *http.Server // nil while it is down
}

// What the realm file calls them.
const (
	RealmName   = "development"
	RealmClient = "app"
	RealmRole   = "admin"  // of the realm
	ClientRole  = "editor" // of the client

	// OtherClient is a client whose tokens are not for the app. The tests add it to a
	// real realm.
	OtherClient = "other"
)

// StartRealm serves a realm until ctx ends or Close is called. Path is what old
// installations have between the address and the realms, such as /auth.
func StartRealm(ctx context.Context, options Options, path string) (*Realm, error) {
	host, err := options.loopback()
	if err != nil {
		return nil, err
	}
	r, scheme := &Realm{address: net.JoinHostPort(host, "0")}, "http"
	if options.TLS {
		scheme = "https"
		if r.config, r.CertPEM, err = selfSigned(host); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		return nil, err
	}
	r.address = listener.Addr().String()
	origin := scheme + "://" + r.address
	r.Base = origin + path
	if r.Provider, err = newProvider(keycloak(path), origin); err != nil {
		_ = listener.Close()
		return nil, err
	}
	r.ClientID, r.AuthMethods = RealmClient, append(r.AuthMethods, "none")
	r.SetAccounts(realmAccounts()...)
	r.serve(listener)
	context.AfterFunc(ctx, r.Close)
	return r, nil
}

func realmAccounts() []Account {
	return []Account{
		{Email: "developer@example.com", Verified: true, Name: "Dev Eloper", Username: "developer", Roles: []string{RealmRole}, ClientRoles: []string{ClientRole}},
		{Email: "somebody@example.com", Verified: true, Name: "Some Body", Username: "somebody"},
	}
}

func (r *Realm) serve(listener net.Listener) {
	if r.config != nil {
		listener = tls.NewListener(listener, r.config)
	}
	server := &http.Server{Handler: r.Provider, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	r.lock.Lock()
	r.server = server
	r.lock.Unlock()
	go func() { _ = server.Serve(listener) }()
}

// Close takes the realm down: connections are refused, and those that hang are closed.
func (r *Realm) Close() {
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.server != nil {
		_ = r.server.Close()
		r.server = nil
	}
}

// Restart brings a realm that is down back, at the same address and with the same keys.
func (r *Realm) Restart() error {
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		return fmt.Errorf("the stand-in for Keycloak does not come back: %w", err)
	}
	r.serve(listener)
	return nil
}

// Env is what an app must be told to use the realm.
func (r *Realm) Env() map[string]string {
	return map[string]string{
		"KEYCLOAK_URL": r.Base, "KEYCLOAK_REALM": RealmName,
		"KEYCLOAK_CLIENT_ID": r.ClientID, "KEYCLOAK_CLIENT_SECRET": r.ClientSecret,
	}
}

// Roots are what to trust the realm by; nil is whatever the system trusts.
func (r *Realm) Roots() *x509.CertPool {
	if r.CertPEM == nil {
		return nil
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.CertPEM)
	return roots
}

// Fetches is how often the realm's keys have been asked for.
func (r *Realm) Fetches() int { return len(r.Requests(Keys)) }

// Key is what the realm signs with, and the name under which it is published.
func (r *Realm) Key() (id string, private *rsa.PrivateKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := r.keys[len(r.keys)-1]
	return newest.id, newest.private
}
