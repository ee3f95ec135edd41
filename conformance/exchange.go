package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// requestTimeout is when an app counts as hanging.
	requestTimeout = 60 * time.Second
	// maxAnswer is far above any answer of the module.
	maxAnswer = 4 << 20
	// dumpedBytes is how much of a body a report shows.
	dumpedBytes = 600
)

// source is a client with an address of its own, so that what one case does never
// counts against another one's bounds per IP.
type source struct {
	http    *http.Client
	address string // "" where the system chooses
}

// lastSource counts the loopback addresses that were given out.
var lastSource atomic.Uint32

func newSource(target string) *source {
	dialer, address := &net.Dialer{Timeout: 10 * time.Second}, loopback(target)
	if address != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
	client := &http.Client{
		Transport:     transport,
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &source{client, address}
}

func (s *source) close() { s.http.CloseIdleConnections() }

// loopback picks the next address of 127.0.0.0/8 for an app that listens there. It
// is empty, any address, elsewhere and where the system knows only 127.0.0.1.
func loopback(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Hostname() != "127.0.0.1" {
		return ""
	}
	n := lastSource.Add(1)
	ip := net.IPv4(127, byte(1+(n>>16)%250), byte(n>>8), byte(n))
	probe, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		return ""
	}
	_ = probe.Close()
	return ip.String()
}

// call is one request. A path stands under the module's prefix, unless it begins
// with two slashes, which mean the app's root.
type call struct {
	method, path string
	header       map[string]string
	body         []byte
	stream       bool // send the body in chunks, without a length
}

// with returns the call with a header set; each line of value is sent as a header line of
// its own.
func (c call) with(name, value string) call {
	header := map[string]string{}
	maps.Copy(header, c.header)
	header[name] = value
	c.header = header
	return c
}

func get(path string) call { return call{method: http.MethodGet, path: path} }

// post sends body as JSON; a string or bytes go out as they are.
func post(path string, body any) call {
	return call{http.MethodPost, path, map[string]string{"Content-Type": "application/json"}, encode(body), false}
}

func postForm(path string, fields ...string) call {
	pairs := make([]string, 0, len(fields)/2)
	for pair := range slices.Chunk(fields, 2) {
		pairs = append(pairs, url.QueryEscape(pair[0])+"="+url.QueryEscape(pair[1]))
	}
	return postRawForm(path, strings.Join(pairs, "&"))
}

func postRawForm(path, body string) call {
	header := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	return call{http.MethodPost, path, header, []byte(body), false}
}

func encode(body any) []byte {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(b)
	case []byte:
		return b
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return encoded
}

// answer is what came back, or err.
type answer struct {
	t      *T
	call   call
	status int
	header http.Header
	body   []byte
	took   time.Duration
	err    error
}

// send fails the case when no answer comes.
func (t *T) send(c call) *answer {
	a := t.try(t.Context, c)
	if a.err != nil || t.isBlocked() {
		t.Fatalf("%s %s got no answer: %v", c.method, c.path, a.err)
	}
	return a
}

// try leaves the judgement to the caller. It is safe for concurrent use.
func (t *T) try(ctx context.Context, c call) *answer {
	a := &answer{t: t, call: c}
	if route := t.gone(c); route != "" {
		t.block(Obstacle{Gone: route})
		a.err = errGone
		return a
	}
	req, err := http.NewRequestWithContext(ctx, c.method, t.url(c), c.reader())
	if err != nil {
		a.err = err
		return a
	}
	for name, value := range c.header {
		for line := range strings.SplitSeq(value, "\n") {
			req.Header.Add(name, line)
		}
	}
	if host := c.header["Host"]; host != "" {
		req.Host = host
	}
	start := time.Now()
	res, err := t.source.http.Do(req)
	if err != nil {
		a.err = err
		return a
	}
	defer res.Body.Close()
	a.body, a.err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	a.took, a.status, a.header = time.Since(start), res.StatusCode, res.Header
	t.target.secrets.sent(c, t.path(c.method, c.path))
	t.target.secrets.keep(a.body)
	if field := foreignField(a); field != "" {
		t.block(Obstacle{Route: c.method + " " + c.path, Field: field})
	}
	return a
}

var errGone = errors.New("the app has no such route any more")

func (c call) reader() io.Reader {
	if c.body == nil {
		return nil
	}
	if c.stream {
		return io.MultiReader(bytes.NewReader(c.body))
	}
	return bytes.NewReader(c.body)
}

func (t *T) url(c call) string { return t.target.URL + t.path(c.method, c.path) }

func (a *answer) errorf(format string, args ...any) {
	a.t.Errorf("%s\n%s", fmt.Sprintf(format, args...), a.dump())
}

func (a *answer) fatalf(format string, args ...any) {
	a.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), a.dump())
}

// want fails the case unless the status is one of those.
func (a *answer) want(statuses ...int) *answer {
	if !slices.Contains(statuses, a.status) {
		a.fatalf("status %d, want %s", a.status, either(statuses))
	}
	return a
}

// expect notes any other status, says what was tried, and lets the case go on.
func (a *answer) expect(tried string, statuses ...int) *answer {
	if !slices.Contains(statuses, a.status) {
		a.errorf("%s: status %d, want %s", tried, a.status, either(statuses))
	}
	return a
}

func either(statuses []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(statuses), "[]"), " ", " or ")
}

// object decodes the body, which must be one JSON object.
func (a *answer) object() map[string]any {
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		a.fatalf("the body is not a JSON object: %v", err)
	}
	return fields
}

// detail is the text of an error answer.
func (a *answer) detail() string {
	text, ok := a.object()["detail"].(string)
	if !ok {
		a.fatalf("detail is not a text")
	}
	return text
}

// exactly compares the names of the body's fields.
func (a *answer) exactly(names ...string) map[string]any {
	fields := a.object()
	for _, name := range names {
		if _, ok := fields[name]; !ok {
			a.errorf("the field %q is missing", name)
		}
	}
	for name := range fields {
		if !slices.Contains(names, name) && !a.t.mayHave(name) {
			a.errorf("the field %q is not part of the answer", name)
		}
	}
	return fields
}

// dump shows request and answer, with what is secret in them masked.
func (a *answer) dump() string {
	var out strings.Builder
	fmt.Fprintf(&out, "  > %s %s\n", a.call.method, a.t.path(a.call.method, a.call.path))
	for _, name := range sortedKeys(a.call.header) {
		fmt.Fprintf(&out, "  > %s: %s\n", name, masked(a.call.header[name]))
	}
	if len(a.call.body) > 0 {
		fmt.Fprintf(&out, "  > %s\n", excerpt(a.call.body))
	}
	fmt.Fprintf(&out, "  < %d\n", a.status)
	for _, name := range []string{"Content-Type", "Cache-Control", "Www-Authenticate", "Retry-After", "Location",
		"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
		for _, value := range a.header.Values(name) {
			fmt.Fprintf(&out, "  < %s: %s\n", name, masked(value))
		}
	}
	fmt.Fprintf(&out, "  < %s", excerpt(a.body))
	return out.String()
}

func excerpt(body []byte) string {
	text := masked(string(body[:min(len(body), dumpedBytes)]))
	if len(body) > dumpedBytes {
		text += fmt.Sprintf("… (%d bytes)", len(body))
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\n", "\n    ")
}

var secretParts = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?i)("[a-z_]*(?:password|token|secret|code|verifier)"\s*:\s*")(?:[^"\\]|\\.)*`), "$1***"},
	{regexp.MustCompile(`(?i)((?:^|[?&#])[a-z_]*(?:password|token|secret|code|verifier|state|nonce)=)[^&]*`), "$1***"},
	{regexp.MustCompile(`(?i)(name="[a-z_]*(?:password|token|secret)"\r\n\r\n)[^\r]*`), "$1***"},
	{regexp.MustCompile(`(?i)^(bearer|basic)( +)\S+.*`), "$1$2***"},
	{regexp.MustCompile(`eyJ[\w-]*\.[\w-]*\.?[\w-]*`), "***"},
}

// masked hides passwords and tokens. The requests of a report are to be read, not
// to be used.
func masked(text string) string {
	for _, part := range secretParts {
		text = part.pattern.ReplaceAllString(text, part.with)
	}
	return text
}
