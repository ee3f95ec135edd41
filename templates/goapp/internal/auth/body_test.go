// fastman: file jwt or oauth or passkey
package auth

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func jsonRequest(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// JSON that two parsers could read differently is refused.
func TestUnclearJSONIsRefused(t *testing.T) {
	for _, body := range []string{
		" ", "{", "{}x", `{"a":1}{}`, `{"a":NaN}`, `{"a":01}`, `{"a":'x'}`, `{a:1}`, `{"a":1,}`, "\ufeff{}", "{\"a\":\"\t\"}",
		`{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"x":{"a":1,"a":2}}`, `{"x":[{"a":1,"a":2}]}`,
		`{"a":"\ud800"}`, `{"a":"\udc00x"}`, `{"a":"\ud83d\ud83d\ude00"}`, `{"\ud800":1}`, `{"a":"\\\ud800"}`,
		"{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", strings.Repeat("[", 60_000), strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
	} {
		_, err := readJSON(jsonRequest(body))
		if invalid, ok := errors.AsType[invalidError](err); !ok || invalid[0].Type != "json_invalid" {
			t.Errorf("%.40q: %v", body, err)
		}
	}
}

// Any text is read as it was sent.
func TestTextIsRead(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":"x"}`: "x", `{"a":"\ud83d\ude00"}`: "\U0001f600", `{"a":"\\ud800"}`: `\ud800`, `{"\u0061":"\u0000\n"}`: "\x00\n",
		`{"n":1e999,"a":"","b":[{"x":1},{"x":2}]}`: "",
	} {
		read, err := readJSON(jsonRequest(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got := read.text("a"); got != want || read.err() != nil {
			t.Errorf("%s: %q (%v)", body, got, read.err())
		}
	}
}

// Every mistake is told with its place and its kind, and without what was sent.
func TestFindings(t *testing.T) {
	read, err := readJSON(jsonRequest(`{"kind":7,"null":null,"nul":"secret\u0000","Missing":"secret","token":"` + strings.Repeat("secret", 20) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kind", "null", "missing"} {
		read.text(name)
	}
	read.text("nul", func(string) (string, error) { return "", refusal("Value must not contain NUL") })
	read.token("token")
	// fastman: if jwt or passkey
	if read.optionalText("null") != nil || read.optionalText("missing") != nil {
		t.Error("nothing is something")
	}
	// fastman: end
	told, _ := json.Marshal(read.err())
	const want = `[{"loc":["body","kind"],"type":"string_type","msg":"Input should be a valid string"},` +
		`{"loc":["body","null"],"type":"string_type","msg":"Input should be a valid string"},` +
		`{"loc":["body","missing"],"type":"missing","msg":"Field required"},` +
		`{"loc":["body","nul"],"type":"value_error","msg":"Value must not contain NUL"},` +
		`{"loc":["body","token"],"type":"too_long","msg":"Value should have at most 100 items after validation, not 120"}]`
	if string(told) != want {
		t.Errorf("%s", told)
	}
}

// A body that says nothing is told so.
func TestBodyThatIsNoObject(t *testing.T) {
	for body, want := range map[string]string{"": "missing", "null": "model_attributes_type", "[]": "model_attributes_type", `"x"`: "model_attributes_type"} {
		_, err := readJSON(jsonRequest(body))
		if invalid, ok := errors.AsType[invalidError](err); !ok || invalid[0].Type != want {
			t.Errorf("%q: %v", body, err)
		}
	}
	other := jsonRequest(`{"a":"x"}`)
	other.Header.Set("Content-Type", "text/plain")
	if _, err := readJSON(other); err == nil {
		t.Error("plain text is read as JSON")
	}
}

// A large body is refused; its sender gets to see that, unless it is larger still.
func TestLargeBodies(t *testing.T) {
	for _, size := range []int{bodyMaxBytes + 1, bodyDrainBytes - 1, 4 * bodyDrainBytes} {
		body := strings.NewReader(strings.Repeat(" ", size))
		r := jsonRequest("")
		r.Body = io.NopCloser(body)
		if _, err := readJSON(r); !errors.Is(err, errBodyTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if left := body.Len(); left != max(0, size-bodyDrainBytes-1) {
			t.Errorf("%d of %d bytes are left", left, size)
		}
	}
}
