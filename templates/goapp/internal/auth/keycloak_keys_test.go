// fastman: file keycloak
package auth

import (
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var keyTwo = func() jose.JSONWebKey { return jose.JSONWebKey{Key: realmKey2().Public(), KeyID: "two", Use: "sig"} }

func tokenOfTwo() string { return goodToken().under("kid", "two").by(realmKey2()).String() }

// inTime runs a test whose clock goes on when all wait.
func inTime(t *testing.T, test func(*testing.T)) {
	_, _ = realmKey1(), realmKey2() // before the clock stops
	synctest.Test(t, test)
}

// A key that was taken out of the realm is refused within five minutes, whether Keycloak
// can be asked or not.
func TestKeycloakRemovedKey(t *testing.T) {
	for _, down := range []bool{false, true} {
		inTime(t, func(t *testing.T) {
			r := newRealm(t)
			v := r.visit()
			long := goodToken().with("exp", time.Now().Add(time.Hour).Unix()).String()
			if status := v.status(long); status != 200 {
				t.Fatal(status)
			}
			want := 401
			if r.publish(keyTwo()); down {
				r.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
				want = 503
			}
			for range 300 {
				time.Sleep(time.Second)
				v.status(long)
			}
			synctest.Wait()
			if status := v.status(long); status != want {
				t.Errorf("down %v: %d, want %d", down, status, want)
			}
		})
	}
}

// The keys are renewed before they are too old: nobody waits for that, and tokens stay
// good.
func TestKeycloakRenewal(t *testing.T) {
	inTime(t, func(t *testing.T) {
		r := newRealm(t)
		v := r.visit()
		long := goodToken().with("exp", time.Now().Add(time.Hour).Unix()).String()
		for second := range 1800 {
			begun := time.Now()
			if status := v.status(long); status != 200 {
				t.Fatalf("after %d s: %d", second, status)
			}
			if waited := time.Since(begun); waited > 0 {
				t.Fatalf("after %d s somebody waits for %s", second, waited)
			}
			synctest.Wait()
			time.Sleep(time.Second)
		}
		if fetches := r.fetches.Load(); fetches < 6 || fetches > 9 {
			t.Errorf("%d fetches in half an hour", fetches)
		}
	})
}

// After a rotation the first token of the new key is let in at once, and 20 that come
// together cause one fetch.
func TestKeycloakRotation(t *testing.T) {
	inTime(t, func(t *testing.T) {
		r := newRealm(t)
		v := r.visit()
		v.status(goodToken().String())
		r.publish(keyTwo())
		r.respond(func(w http.ResponseWriter, request *http.Request) {
			time.Sleep(time.Second)
			r.respond(nil)
			r.fetches.Add(-1)
			r.ServeHTTP(w, request)
		})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if status := v.status(tokenOfTwo()); status != 200 {
					t.Errorf("%d", status)
				}
			})
		}
		all.Wait()
		if fetches := r.fetches.Load(); fetches != 2 {
			t.Errorf("%d fetches, want the first and one more", fetches)
		}
	})
}

// Tokens of made-up keys have the keys fetched once in ten seconds, however many come.
func TestKeycloakUnknownKeys(t *testing.T) {
	inTime(t, func(t *testing.T) {
		r := newRealm(t)
		v := r.visit()
		v.status(goodToken().String())
		unknown := goodToken().under("kid", "unknown").String()
		for range 1000 {
			if status := v.status(unknown); status != 401 {
				t.Fatal(status)
			}
		}
		if fetches := r.fetches.Load(); fetches != 2 {
			t.Errorf("%d fetches, want the first and one more", fetches)
		}
		time.Sleep(unknownPause)
		if v.status(unknown); r.fetches.Load() != 3 {
			t.Error("after 10 s none is looked for")
		}
		if status := v.status(goodToken().String()); status != 200 {
			t.Errorf("a good one: %d", status)
		}
	})
}

// While Keycloak is down from the start, nobody gets in; it is asked once a second, and
// when it is back everybody gets in again. The log says both once.
func TestKeycloakDownAtStart(t *testing.T) {
	inTime(t, func(t *testing.T) {
		r := newRealm(t)
		v := r.visit()
		v.keys.client.Transport = refusingRealm{r}
		v.start()
		synctest.Wait()
		for range 100 {
			if status := v.status(goodToken().String()); status != 503 {
				t.Fatal(status)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if fetches := r.fetches.Load(); fetches > 11 {
			t.Errorf("%d fetches in 10 s", fetches)
		}
		time.Sleep(time.Second)
		v.keys.client.Transport = r
		if status := v.status(goodToken().String()); status != 200 {
			t.Errorf("back again: %d", status)
		}
		synctest.Wait()
		log := v.log.String()
		if strings.Count(log, `auth.keycloak.unavailable reason="connection"`) != 1 || strings.Count(log, "auth.keycloak.available") != 1 {
			t.Errorf("%s", log)
		}
	})
}

// refusingRealm is one whose machine answers nothing.
type refusingRealm struct{ *realm }

func (r refusingRealm) RoundTrip(*http.Request) (*http.Response, error) {
	r.fetches.Add(1)
	return nil, errors.New("connection refused")
}

// A Keycloak that hangs keeps nobody for more than ten seconds, and nobody at all whose
// key is known.
func TestKeycloakHangs(t *testing.T) {
	inTime(t, func(t *testing.T) {
		r := newRealm(t)
		v := r.visit()
		r.respond(hang)
		begun := time.Now()
		if status := v.status(goodToken().String()); status != 503 || time.Since(begun) != fetchPatience {
			t.Errorf("%d after %s", status, time.Since(begun))
		}
		r.respond(nil)
		time.Sleep(time.Second)
		v.status(goodToken().String())
		r.respond(hang)
		go v.status(tokenOfTwo())
		synctest.Wait()
		begun = time.Now()
		if status := v.status(goodToken().with("jti", "another").String()); status != 200 || time.Since(begun) != 0 {
			t.Errorf("a known key: %d after %s", status, time.Since(begun))
		}
		time.Sleep(fetchPatience)
	})
}

// What is no set of keys is none, whoever answers it: nobody gets in, and no address but
// the configured one is asked.
func TestKeycloakStrangeAnswers(t *testing.T) {
	for want, answer := range map[string]http.HandlerFunc{
		`reason="status" problem="status 500"`: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		`reason="status" problem="status 302"`: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		`reason="answer"`:                      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Keycloak</html>")) },
		` reason="answer"`:                     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		` reason="answer" `: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[` + strings.Repeat(" ", keySetMax)))
		},
	} {
		r := newRealm(t)
		r.respond(answer)
		v := r.visit()
		if status := v.status(goodToken().String()); status != 503 {
			t.Errorf("%s: %d", want, status)
		}
		if !strings.Contains(v.log.String(), want) || r.fetches.Load() != 1 {
			t.Errorf("%d fetches, log %s, want %s", r.fetches.Load(), v.log, want)
		}
	}
}

// A Keycloak with a certificate of a private authority is believed if KEYCLOAK_CA_FILE
// has that, and not without.
func TestKeycloakPrivateAuthority(t *testing.T) {
	r := newRealm(t)
	server := httptest.NewTLSServer(r)
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]int{"": 503, file: 200} {
		k, err := newKeycloak(t.Context(), KeycloakConfig{URL: server.URL, Realm: "test", ClientID: "app", CAFile: file}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer k.keys.close()
		if status := (visitor{k, nil}).status(goodToken().with("iss", server.URL+"/realms/test").String()); status != want {
			t.Errorf("CA file %q: %d, want %d", file, status, want)
		}
	}
}

// Settings that are unsafe or unreadable stop the start, which says which. What stands in
// env files until somebody sets it counts for nothing.
func TestKeycloakConfig(t *testing.T) {
	read := func(variables map[string]string) (KeycloakConfig, error) {
		c := loadKeycloak(func(name string) string { return variables[name] })
		_, err := c.authorities()
		return c, errors.Join(c.check(true), err)
	}
	for want, variables := range map[string]map[string]string{
		"KEYCLOAK_URL is not https\nset it to an https address, or remove it":                          {"KEYCLOAK_URL": "http://sso.example.com"},
		"KEYCLOAK_URL is not an address\nset it to an https address, or remove it":                     {"KEYCLOAK_URL": "sso.example.com"},
		"KEYCLOAK_CA_FILE holds no certificate\nset it to a file of certificates in PEM, or remove it": {"KEYCLOAK_CA_FILE": filepath.Join(t.TempDir(), "none.pem")},
	} {
		if _, err := read(variables); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	unset, err := read(map[string]string{
		"KEYCLOAK_URL": "https://keycloak.example.com", "KEYCLOAK_REALM": "my-realm", "KEYCLOAK_CLIENT_ID": "my-client",
	})
	if err != nil || strings.Join(unset.missing(), " ") != "KEYCLOAK_URL KEYCLOAK_REALM KEYCLOAK_CLIENT_ID" {
		t.Errorf("%+v, %v", unset, err)
	}
	set, err := read(map[string]string{"KEYCLOAK_URL": "https://sso.example.com/auth/", "KEYCLOAK_REALM": "shop", "KEYCLOAK_CLIENT_ID": "app"})
	if err != nil || set.issuer() != "https://sso.example.com/auth/realms/shop" {
		t.Errorf("%q, %v", set.issuer(), err)
	}
}
