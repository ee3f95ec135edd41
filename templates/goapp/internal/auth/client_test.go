// fastman: file jwt or oauth or passkey
package auth

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Attempts are counted by an address that their sender cannot make up.
func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer, forwarded             string
		ip, network, accountNetwork string
	}{
		{"203.0.113.9:1", "", "203.0.113.9", "203.0.113.9", "203.0.113.9"},
		{"203.0.113.9:1", "198.51.100.1", "203.0.113.9", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "evil, 198.51.100.1:4711, 10.2.2.2", "198.51.100.1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "198.51.100.1, garbage", "10.0.0.1", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:1", "10.3.3.3, 10.2.2.2", "10.3.3.3", "10.3.3.3", "10.3.3.3"},
		{"[::ffff:10.0.0.1]:1", "[2001:db8:0:1::5]:443", "2001:db8:0:1::5", "2001:db8:0:1::/64", "2001:db8:0:1::/64"},
		{"[fe80::1%eth0]:1", "", "fe80::1", "fe80::/64", "fe80::/64"},
		{"192.168.0.1:1", "198.51.100.1", "192.168.0.1", "", "192.168.0.1"},
		{"127.0.0.1:1", "198.51.100.1", "127.0.0.1", "", "127.0.0.1"},
		{"@", "", "", "", "unknown"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		got := newClientReader(trusted, slog.New(slog.DiscardHandler)).read(r)
		if got.ip != c.ip || got.network != c.network || got.accountNetwork != c.accountNetwork {
			t.Errorf("%s, forwarded %q: %+v, want %q %q %q", c.peer, c.forwarded, got, c.ip, c.network, c.accountNetwork)
		}
	}
}

// A proxy that nobody named is told of once, not with every request.
func TestUnknownProxyIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	reader := newClientReader(nil, slog.New(slog.NewTextHandler(&log, nil)))
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	reader.read(r)
	reader.read(r)
	if n := strings.Count(log.String(), "auth.proxy.untrusted"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// What a client calls itself fits into the column, in any encoding.
func TestUserAgentIsText(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("User-Agent", "caf\xe9"+strings.Repeat("x", 300))
	agent := newClientReader(nil, slog.New(slog.DiscardHandler)).read(r).userAgent
	if !strings.HasPrefix(agent, "caf\u00e9x") || len([]rune(agent)) != 255 {
		t.Errorf("%q", agent)
	}
}
