package verify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"fastman/conformance"
	"fastman/internal/install"
)

// A server that runs already is tried out by what harms nobody, and only by its owner.

// checkURL keeps somebody from trying out what is not theirs.
func checkURL(o Options) error {
	if o.URL == "" {
		return nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &install.Usage{What: fmt.Sprintf("--url %q is not an address", o.URL), Hint: "as in: --url=http://127.0.0.1:8000"}
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &install.Usage{What: "--url has more than where the server is", Hint: "only scheme, host, port and what all of the app's paths begin with: --url=http://127.0.0.1:8000"}
	}
	if !o.Own && !isThisMachine(u.Hostname()) {
		return &install.Usage{What: u.Hostname() + " is not this machine, and only its owner may try it out", Hint: "if that is you: add --i-own-this-host"}
	}
	return nil
}

// isThisMachine is whether a host can only be this one. Of names, that is localhost, if it
// leads where it should.
func isThisMachine(host string) bool {
	addresses := []string{host}
	if strings.EqualFold(host, "localhost") {
		addresses, _ = net.LookupHost(host)
	}
	return len(addresses) > 0 && !slices.ContainsFunc(addresses, func(address string) bool {
		ip := net.ParseIP(address)
		return ip == nil || !ip.IsLoopback() && !ip.IsUnspecified()
	})
}

// running judges a server that runs already, by what harms nobody.
func (r *verification) running(ctx context.Context) error {
	target := conformance.Target{URL: strings.TrimRight(r.URL, "/"), Set: r.app.Set, Prefix: r.app.Prefix, OwnTexts: true}
	r.learnRunning(ctx, &target)
	if err := r.probe(ctx, target); err != nil {
		return err
	}
	r.judge(ctx, []conformance.Target{target})
	return nil
}

// probePatience is how long a server may take for its first answer.
const probePatience = 10 * time.Second

// probe asks a running server who signs in, before it is judged by what it answers.
func (r *verification) probe(ctx context.Context, target conformance.Target) error {
	at := target.URL + whereIsMe(target)
	client := &http.Client{Timeout: probePatience, Transport: &http.Transport{DisableKeepAlives: true}, // no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return &Unjudged{What: "the server does not answer: " + err.Error(), Hint: "start the app, and say where it listens: --url=http://127.0.0.1:8000"}
	}
	_ = res.Body.Close()
	page := strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") // of whatever serves one for every path
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusOK && !page:
		return nil
	case res.Header.Get("Location") != "":
		return &Unjudged{What: fmt.Sprintf("%s leads to %s", at, res.Header.Get("Location")), Hint: "name the server that answers itself: --url=https://your.domain"}
	}
	return &Unjudged{What: fmt.Sprintf("%s answers %d, and not as this project does", at, res.StatusCode),
		Hint: "name the server of this project, and with it what all of its paths begin with: --url=http://127.0.0.1:8000/api/v1"}
}
