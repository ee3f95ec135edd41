// fastman: file keycloak
package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// The keys of a realm. They are fetched for all requests together, and none that has a
// token of a key which is known waits for it. A key that was taken out of the realm is
// refused when the set which has it is too old.

const (
	keySetMaxAge  = 5 * time.Minute  // from the begin of the fetch; older keys verify nothing
	keySetRenewal = 4 * time.Minute  // the age at which a newer one is fetched
	unknownPause  = 10 * time.Second // between two fetches for keys that nobody knows
	failurePause  = time.Second      // after a fetch that failed
	fetchPatience = 10 * time.Second // for one fetch
	keySetMax     = 1 << 20          // bytes
)

var (
	errKeycloakDown = &problem{status: http.StatusServiceUnavailable, detail: "Sign-in with Keycloak is not available", retryAfter: 10}
	errUnknownKey   = tokenRefusal{reason: "key"}
)

type realmKeys struct {
	issuer string
	client *http.Client
	log    *slog.Logger
	ctx    context.Context // of all fetches
	close  context.CancelFunc

	mu       sync.Mutex
	newest   *keySet       // nil: there was none yet
	fetching chan struct{} // is closed when the fetch that is under way has ended; nil: none is
	failed   time.Time     // when the last fetch did; zero: it did not
	unknown  time.Time     // when a fetch for an unknown key began last
}

// keySet is what one fetch has brought, and what was verified with it.
type keySet struct {
	begun    time.Time
	keys     map[string]realmKey // by their ids
	verified remembered[keycloakToken]
}

// realmKey is a key that signs tokens.
type realmKey struct {
	algorithms []string
	verifier   *oidc.IDTokenVerifier
}

// newRealmKeys makes a client that follows no redirect: only the configured address says
// whom to believe.
func newRealmKeys(issuer string, authorities *x509.CertPool, log *slog.Logger) *realmKeys {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithCancel(context.Background())
	return &realmKeys{
		issuer: issuer, client: &http.Client{Transport: transport, CheckRedirect: stay}, log: log,
		ctx: ctx, close: cancel,
	}
}

// start fetches the keys before anybody needs them.
func (r *realmKeys) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetch(time.Now())
}

// current returns the set to verify with, or nil.
func (r *realmKeys) current() *keySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.usable(time.Now())
}

// find returns the key of that id, with its set. It may wait for a fetch.
func (r *realmKeys) find(ctx context.Context, id string) (realmKey, *keySet, error) {
	set, fetched := r.ask(id)
	if fetched != nil {
		select {
		case <-fetched:
			set = r.current()
		case <-ctx.Done():
			return realmKey{}, nil, ctx.Err()
		}
	}
	if set == nil {
		return realmKey{}, nil, errKeycloakDown
	}
	key, known := set.keys[id]
	if !known {
		return realmKey{}, nil, errUnknownKey
	}
	return key, set, nil
}

// ask returns the set to verify with, and what to wait for if that may bring a key which
// the set lacks.
func (r *realmKeys) ask(id string) (*keySet, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	set := r.usable(now)
	if set == nil {
		if r.fetching == nil && now.Sub(r.failed) < failurePause {
			return nil, nil
		}
		return nil, r.fetch(now)
	}
	if _, known := set.keys[id]; known {
		return set, nil
	}
	if r.fetching == nil {
		if now.Sub(r.unknown) < unknownPause {
			return set, nil
		}
		r.unknown = now
	}
	return set, r.fetch(now)
}

// usable returns the newest set unless it is too old, and has it renewed in time.
func (r *realmKeys) usable(now time.Time) *keySet {
	if r.newest == nil || now.Sub(r.newest.begun) >= keySetMaxAge {
		return nil
	}
	if now.Sub(r.newest.begun) >= keySetRenewal && now.Sub(r.failed) >= failurePause {
		r.fetch(now)
	}
	return r.newest
}

// fetch begins a fetch unless one is under way, and returns what to wait for.
func (r *realmKeys) fetch(now time.Time) <-chan struct{} {
	if r.fetching == nil {
		r.fetching = make(chan struct{})
		go r.refetch(now, r.fetching)
	}
	return r.fetching
}

func (r *realmKeys) refetch(begun time.Time, done chan struct{}) {
	defer close(done)
	set, err := r.download(begun)
	r.mu.Lock()
	failedBefore := !r.failed.IsZero()
	r.fetching = nil
	if err == nil {
		r.newest, r.failed = set, time.Time{}
	} else {
		r.failed = time.Now()
	}
	r.mu.Unlock()
	r.report(err, failedBefore)
}

// report says that Keycloak has gone, or has come back: once each.
func (r *realmKeys) report(err error, failedBefore bool) {
	switch failed, _ := errors.AsType[fetchError](err); {
	case r.ctx.Err() != nil: // the app ends
	case err != nil && !failedBefore:
		logEvent(r.ctx, r.log, slog.LevelWarn, "auth.keycloak.unavailable", slog.String("reason", failed.reason), slog.String("problem", failed.problem))
	case err == nil && failedBefore:
		logEvent(r.ctx, r.log, slog.LevelInfo, "auth.keycloak.available")
	}
}

// fetchError is why there are no newer keys.
type fetchError struct {
	reason  string // in one word
	problem string // in more
}

func (e fetchError) Error() string { return e.reason + ": " + e.problem }

func (r *realmKeys) download(begun time.Time) (*keySet, error) {
	ctx, cancel := context.WithTimeout(r.ctx, fetchPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.issuer+"/protocol/openid-connect/certs", nil)
	if err != nil {
		return nil, fetchError{"connection", "the realm has no address"}
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fetchError{"status", fmt.Sprintf("status %d", response.StatusCode)}
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, keySetMax+1))
	if err != nil {
		return nil, unreachable(err)
	}
	keys := r.readKeys(document)
	if len(document) > keySetMax || len(keys) == 0 {
		return nil, fetchError{"answer", "it holds no key that signs tokens"}
	}
	return &keySet{begun: begun, keys: keys}, nil
}

func unreachable(err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return fetchError{"timeout", fmt.Sprintf("no whole answer within %d s", fetchPatience/time.Second)}
	}
	if called, ok := errors.AsType[*url.Error](err); ok {
		err = called.Err
	}
	return fetchError{"connection", err.Error()}
}

// readKeys returns the keys of a JSON Web Key Set (RFC 7517) that sign tokens. Others may
// be of kinds that are not known here.
func (r *realmKeys) readKeys(document []byte) map[string]realmKey {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(document, &set) != nil {
		return nil
	}
	keys := map[string]realmKey{}
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) != nil || key.KeyID == "" || key.Use != "" && key.Use != "sig" {
			continue
		}
		algorithms := algorithmsOf(key)
		if _, twice := keys[key.KeyID]; twice || len(algorithms) == 0 {
			continue
		}
		keys[key.KeyID] = realmKey{algorithms, oidc.NewVerifier(r.issuer,
			&oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Key}},
			&oidc.Config{SupportedSigningAlgs: algorithms, SkipClientIDCheck: true, SkipExpiryCheck: true})} // see keycloakToken.check
	}
	return keys
}

// algorithmsOf are those that a key may sign with: what a token says of its algorithm
// decides nothing (RFC 8725, section 3.1).
func algorithmsOf(key jose.JSONWebKey) []string {
	var fitting []string
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		fitting = []string{oidc.RS256, oidc.PS256}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			fitting = []string{oidc.ES256}
		}
	}
	return slices.DeleteFunc(fitting, func(algorithm string) bool { return key.Algorithm != "" && key.Algorithm != algorithm })
}
