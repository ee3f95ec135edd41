package conformance_test

import (
	"context"
	"database/sql"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"fastman/conformance"
	"fastman/internal/testbed"
)

// crossing are the cases in which one request follows from another: users, hashes,
// tokens, sessions, throttles and mailed links go from stack to stack in them.
var crossing = regexp.MustCompile(`^(register|identity|password|hash|login|refresh|sessions|change|reset|verify|rotation|purge|throttle|oauth|native|providers|keycloak-user|cookie|cross-site|logout|passkey|recovery|page)/` +
	`|^(me|keys)/|^token/(header|sub|sid)|^storage/(the-session|no-credential|times|tables)`)

// ofOne are the cases that count what one process does, and those that wait for one.
var ofOne = regexp.MustCompile(`^oauth/(twenty|past-sixteen|keys-rotate|.*-(hangs|drips)-)`)

// crosses leaves out what reads a log, which each of two apps writes for itself.
func crosses(c conformance.Case) bool {
	return crossing.MatchString(c.Name) && !ofOne.MatchString(c.Name) && !slices.Contains(c.Needs, conformance.NeedOutput)
}

// With every request going to the other of two stacks that share a SQLite database,
// FastAPI first, the contract holds. TEST_ALL=1 tries it with Go first, too.
func TestStacksShareSQLite(t *testing.T) {
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "app.db"))
	sharesContract(t, fastAPIFirst, "sqlite:///"+file, open(t, "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)"), conformance.SQLite)
}

// The same on PostgreSQL, Go first.
func TestStacksSharePostgres(t *testing.T) {
	url := testbed.StartPostgres(t).NewDatabase(t)
	sharesContract(t, goFirst, url, open(t, "pgx", url), conformance.Postgres)
}

const fastAPIFirst, goFirst = "FastAPI first", "Go first"

func sharesContract(t *testing.T, order, databaseURL string, db *sql.DB, dialect conformance.Dialect) {
	python, binary := template(t, databaseURL), goTemplate(t, databaseURL)
	mails, providers, realm := newMailbox(t, python, binary), newProviders(t, whole, python, binary), realmFor(t, whole, python, binary)
	first, second := python.Boot(t, python.env), binary.Boot(t, binary.env)
	target := conformance.Target{
		Set: whole, Secret: testSecret, DB: db, Dialect: dialect, Mail: mails, Providers: providers, Realm: realm,
	}
	all := os.Getenv("TEST_ALL") != ""
	if all || order == fastAPIFirst {
		t.Run(fastAPIFirst, func(t *testing.T) {
			target.URL, target.Boot = takeTurns(t, first.URL, second.URL), binary.again
			pass(t, crosses, target)
		})
	}
	if all || order == goFirst {
		t.Run(goFirst, func(t *testing.T) {
			target.URL, target.Boot = takeTurns(t, second.URL, first.URL), python.again
			pass(t, crosses, target)
		})
	}
}

// turns hands each request on to the next of several apps, from the address that it
// came from.
type turns struct {
	apps  []*url.URL
	count atomic.Uint64
	lock  sync.Mutex
	from  map[string]http.RoundTripper // by the address of the client
}

func takeTurns(t *testing.T, apps ...string) string {
	t.Helper()
	all := &turns{from: map[string]http.RoundTripper{}}
	for _, app := range apps {
		base, err := url.Parse(app)
		if err != nil {
			t.Fatal(err)
		}
		all.apps = append(all.apps, base)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: all.rewrite, Transport: all, ModifyResponse: anonymize})
	t.Cleanup(server.Close)
	return server.URL
}

func (all *turns) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(all.apps[(all.count.Add(1)-1)%uint64(len(all.apps))])
	if values, sent := r.In.Header["X-Forwarded-For"]; sent {
		r.Out.Header["X-Forwarded-For"] = values
	}
	host, _, _ := net.SplitHostPort(r.In.RemoteAddr)
	r.Out = r.Out.WithContext(context.WithValue(r.Out.Context(), all, host))
}

// anonymize takes away what uvicorn says of itself: both stacks are to answer alike.
func anonymize(r *http.Response) error {
	r.Header.Del("Server")
	return nil
}

// RoundTrip sends a request from its client's address.
func (all *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	host, _ := r.Context().Value(all).(string)
	all.lock.Lock()
	transport, known := all.from[host]
	if !known {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
		transport = &http.Transport{DialContext: dialer.DialContext, DisableCompression: true, MaxIdleConnsPerHost: 64}
		all.from[host] = transport
	}
	all.lock.Unlock()
	return transport.RoundTrip(r)
}
