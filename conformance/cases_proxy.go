package conformance

import (
	"fmt"
	"net/http"
	"strings"

	"fastman/internal/feature"
)

var proxyCases = []Case{
	{
		Name: "proxy/a-forged-address-does-not-help", Section: "Throttle: X-Forwarded-For counts only from AUTH_TRUSTED_PROXIES",
		Type: feature.JWT, ASVS: []string{"4.1.3", "6.3.1"}, RFC: []string{"RFC 7239 8.1"}, Run: proxyForged,
	},
	{
		Name: "proxy/a-listed-one-tells-who-it-is", Section: "Throttle: X-Forwarded-For counts only from AUTH_TRUSTED_PROXIES",
		Type: feature.JWT, ASVS: []string{"4.1.3"}, RFC: []string{"RFC 7239 8.1"}, Needs: []Need{NeedBoot}, Run: proxyListed,
	},
	{
		Name: "proxy/a-chain-counts-from-its-trusted-end", Section: "Throttle: X-Forwarded-For counts only from AUTH_TRUSTED_PROXIES",
		Type: feature.JWT, ASVS: []string{"4.1.3"}, RFC: []string{"RFC 7239 8.1"}, Needs: []Need{NeedBoot}, Run: proxyChain,
	},
	{
		Name: "proxy/an-ipv6-host-is-its-64", Section: "Throttle: The IP is the peer's (IPv6: its /64)",
		Type: feature.JWT, ASVS: []string{"6.3.1"}, RFC: []string{"RFC 4291 2.5.4"}, Needs: []Need{NeedBoot}, Run: proxyIPv6,
	},
	{
		Name: "proxy/an-unlisted-one-is-logged-once-and-shared-by-nobody", Section: "Throttle: an error is logged once and the per-IP bound rests",
		Type: feature.JWT, ASVS: []string{"4.1.3"}, Needs: []Need{NeedBoot}, Run: proxyUnlisted,
	},
	{
		Name: "proxy/the-session-shows-the-clients-address", Section: "Sessions: GET /sessions",
		Type: feature.JWT, ASVS: []string{"4.1.3"}, Needs: []Need{NeedBoot}, Run: proxyShown,
	},
	{
		Name: "proxy/a-bad-list-does-not-start", Section: "Settings: AUTH_TRUSTED_PROXIES",
		ASVS: []string{"4.1.3"}, Needs: []Need{NeedBoot}, Run: proxyBadList,
	},
}

func forwarded(c call, chain string) call { return c.with("X-Forwarded-For", chain) }

// tried counts how many of n wrong passwords were tried, behind the chain of each.
func (t *T) tried(acc account, n int, chain func(i int) string) int {
	tried := 0
	for i := range n {
		a := t.send(forwarded(loginForm(acc.email, "wrong"), chain(i))).want(401, 429)
		if a.status == http.StatusUnauthorized {
			tried++
		}
	}
	return tried
}

func proxyForged(t *T) {
	acc := t.register()
	if n := t.tried(acc, perAccountAndIP+5, func(i int) string { return fmt.Sprintf("203.0.113.%d", i+1) }); n != perAccountAndIP {
		t.Errorf("with another X-Forwarded-For each, %d passwords were tried, want %d", n, perAccountAndIP)
	}
}

// behind is an app that believes the address of this case to be a proxy's.
func (t *T) behind(more string) *T {
	if t.source.address == "" {
		t.skip("needs an address of its own on loopback")
	}
	return t.boot(map[string]string{"AUTH_TRUSTED_PROXIES": t.source.address + more})
}

func proxyListed(t *T) {
	app := t.behind("")
	acc := app.register()
	one := func(int) string { return "203.0.113.1" }
	if n := app.tried(acc, perAccountAndIP+2, one); n != perAccountAndIP {
		t.Errorf("one client behind a proxy: %d passwords tried, want %d", n, perAccountAndIP)
	}
	app.send(forwarded(loginForm(acc.email, acc.password), "203.0.113.2")).expect("another client behind it", http.StatusOK)
	for i := range perIP {
		app.send(forwarded(loginForm(newAccount().email, "wrong"), "203.0.113.3")).expect(fmt.Sprint("attempt ", i+1), http.StatusUnauthorized)
	}
	app.send(forwarded(loginForm(acc.email, acc.password), "203.0.113.3")).expect("that client past the bound", http.StatusTooManyRequests)
	app.send(forwarded(loginForm(acc.email, acc.password), "203.0.113.2")).expect("the other client", http.StatusOK)
	stranger := app.fresh() // not the proxy: what it forwards is made up
	stranger.send(forwarded(loginForm(acc.email, acc.password), "203.0.113.1")).expect("a peer that is no proxy", http.StatusOK)
}

func proxyChain(t *T) {
	app := t.behind(", 10.1.0.0/16")
	acc := app.register()
	chains := []string{
		"203.0.113.1", "198.51.100.7, 203.0.113.1", "203.0.113.1, 10.1.2.3", "198.51.100.7\n203.0.113.1", "evil, 203.0.113.1,10.1.2.3 , 10.1.9.9", "203.0.113.1:4711",
	}
	if n := app.tried(acc, 2*len(chains), func(i int) string { return chains[i%len(chains)] }); n != perAccountAndIP {
		t.Errorf("one client through several chains: %d passwords tried, want %d", n, perAccountAndIP)
	}
	if n := app.tried(acc, perAccountAndIP+2, func(int) string { return "10.1.5.5" }); n != perAccountAndIP {
		t.Errorf("a client inside the trusted network: %d passwords tried, want %d", n, perAccountAndIP)
	}
	app.send(forwarded(loginForm(acc.email, acc.password), "10.1.5.6, 10.1.2.3")).expect("another client inside it", http.StatusOK)
	for _, chain := range []string{"", "garbage", "203.0.113.1, garbage", "10.1.2.3"} {
		app.send(forwarded(loginForm(acc.email, acc.password), chain)).expect("a chain of "+quoted(chain), http.StatusOK)
	}
}

func proxyIPv6(t *T) {
	app := t.behind("")
	acc := app.register()
	if n := app.tried(acc, perAccountAndIP+5, func(i int) string { return fmt.Sprintf("2001:db8:0:1::%x", i+1) }); n != perAccountAndIP {
		t.Errorf("one /64: %d passwords tried, want %d", n, perAccountAndIP)
	}
	app.send(forwarded(loginForm(acc.email, acc.password), "2001:db8:0:2::1")).expect("the next /64", http.StatusOK)
	app.send(forwarded(loginForm(acc.email, acc.password), "[2001:db8:0:1::99]:443")).expect("the /64 with a port", http.StatusTooManyRequests)
	acc = app.register()
	app.tried(acc, perAccountAndIP, func(int) string { return "::ffff:203.0.113.1" })
	app.send(forwarded(loginForm(acc.email, acc.password), "203.0.113.1")).expect("an IPv4 address that came as IPv6", http.StatusTooManyRequests)
	app.send(forwarded(loginForm(acc.email, acc.password), "::ffff:203.0.113.2")).expect("the next IPv4 address that came as IPv6", http.StatusOK)
}

func proxyUnlisted(t *T) {
	app := t.boot(nil)
	acc := app.register()
	for i := range perIP + 5 {
		app.send(forwarded(loginForm(newAccount().email, "wrong"), fmt.Sprintf("203.0.113.%d", i%250+1))).want(http.StatusUnauthorized)
	}
	app.send(forwarded(loginForm(acc.email, acc.password), "203.0.113.9")).expect("somebody else behind the same proxy", http.StatusOK)
	if n := strings.Count(app.target.Output(), "auth.proxy.untrusted"); n != 1 {
		t.Errorf("the proxy is logged %d times, want once", n)
	}
}

func proxyShown(t *T) {
	app := t.behind("")
	acc := app.register()
	s := app.session(app.send(forwarded(loginForm(acc.email, acc.password), "198.51.100.7, 203.0.113.1")).want(http.StatusOK))
	if list := string(app.send(get("/sessions").as(s.access)).want(http.StatusOK).body); !strings.Contains(list, `"ip":"203.0.113.1"`) {
		t.Errorf("the session does not show the client's address: %s", list)
	}
}

func proxyBadList(t *T) {
	for _, list := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.1;10.0.0.2", "*"} {
		t.refuses("AUTH_TRUSTED_PROXIES="+list, map[string]string{"AUTH_TRUSTED_PROXIES": list}, "AUTH_TRUSTED_PROXIES")
	}
}
