// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// userAgentMax is in characters, as the column of auth_sessions counts them.
const userAgentMax = 255

// client is where a request comes from.
type client struct {
	ip        string // to show and to log
	userAgent string
	// What attempts are counted by: an IPv6 host owns its whole /64.
	network        string // "" where everybody would share it: behind an unknown proxy
	accountNetwork string // the same for attempts on one account, which never rest
}

// clientReader tells how far the address of a request can be believed.
type clientReader struct {
	trusted []netip.Prefix // proxies whose X-Forwarded-For counts
	log     *slog.Logger
	warned  sync.Once
}

func newClientReader(trusted []netip.Prefix, log *slog.Logger) *clientReader {
	return &clientReader{trusted: trusted, log: log}
}

func (c *clientReader) read(r *http.Request) client {
	peer := parseAddress(r.RemoteAddr)
	ip, believed := peer, peer
	if forwarded := strings.Join(r.Header.Values("X-Forwarded-For"), ","); forwarded != "" {
		ip, believed = c.findAddress(r.Context(), peer, forwarded)
	}
	from := client{userAgent: readUserAgent(r), network: networkOf(ip), accountNetwork: networkOf(believed)}
	if from.accountNetwork == "" {
		from.accountNetwork = "unknown"
	}
	if !ip.IsValid() {
		ip = peer
	}
	if ip.IsValid() {
		from.ip = ip.String()
	}
	return from
}

// findAddress returns the address to count, if any, and the one that cannot be
// made up.
func (c *clientReader) findAddress(ctx context.Context, peer netip.Addr, forwarded string) (ip, believed netip.Addr) {
	if c.trusts(peer) {
		if origin := c.lastUntrusted(strings.Split(forwarded, ",")); origin.IsValid() {
			return origin, origin
		}
		return peer, peer
	}
	if !peer.IsValid() || peer.IsPrivate() || peer.IsLoopback() || peer.IsLinkLocalUnicast() {
		c.warned.Do(func() { c.warn(ctx) })
		return netip.Addr{}, peer
	}
	return peer, peer
}

// lastUntrusted returns what the outermost trusted proxy saw; all to its left may be
// forged. A client inside a trusted network is the first hop.
func (c *clientReader) lastUntrusted(hops []string) (origin netip.Addr) {
	for _, hop := range slices.Backward(hops) {
		if origin = parseAddress(hop); !c.trusts(origin) {
			break
		}
	}
	return origin
}

func (c *clientReader) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(c.trusted, func(p netip.Prefix) bool { return p.Contains(address) })
}

func (c *clientReader) warn(ctx context.Context) {
	logEvent(ctx, c.log, slog.LevelError, "auth.proxy.untrusted",
		slog.String("problem", "X-Forwarded-For from a proxy that AUTH_TRUSTED_PROXIES does not name"),
		slog.String("effect", "attempts are not counted per client address"))
}

// parseAddress reads an address, which some proxies write with a port or in
// brackets. What is none gives the zero address, which no network contains.
func parseAddress(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if inside, bracketed := strings.CutPrefix(text, "["); bracketed {
		text, _, _ = strings.Cut(inside, "]")
	} else if strings.Count(text, ":") == 1 {
		text, _, _ = strings.Cut(text, ":")
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

func networkOf(address netip.Addr) string {
	if !address.Is6() {
		if !address.IsValid() {
			return ""
		}
		return address.String()
	}
	network, _ := address.Prefix(64) // fails for lengths over 128 alone
	return network.String()
}

// readUserAgent reads the header as Latin-1, the one encoding that every sequence
// of bytes is text in: a database takes nothing else.
func readUserAgent(r *http.Request) string {
	header := r.UserAgent()
	text := make([]rune, min(len(header), userAgentMax))
	for i := range text {
		text[i] = rune(header[i])
	}
	return string(text)
}
