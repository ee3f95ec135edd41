// fastman: file jwt or oauth or passkey
package auth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	bodyMaxBytes = 64 << 10
	// A larger body is read up to here and thrown away, so that its sender gets to
	// see the answer; past it the server closes the connection in its face.
	bodyDrainBytes = 1 << 20

	tokenMaxRunes = 100 // of a mailed token
)

var errBodyTooLarge = &problem{status: http.StatusRequestEntityTooLarge, detail: "Request body is larger than 64 KiB"}

// finding is one thing that is wrong with a request; it never holds what was sent.
type finding struct {
	Loc  []any  `json:"loc"`
	Type string `json:"type"`
	Msg  string `json:"msg"`
}

// invalidError is all that is wrong with a request, answered with 422.
type invalidError []finding

func (e invalidError) Error() string { return fmt.Sprintf("the request has %d mistakes", len(e)) }

func bodyError(kind, message string, where ...any) invalidError {
	return invalidError{{Loc: append([]any{"body"}, where...), Type: kind, Msg: message}}
}

// fields are what a request says. Each is taken by its name, in the order in which
// mistakes are to be told; err tells them.
type fields struct {
	values   map[string]any
	findings invalidError
}

// rule refuses a text, or returns what to take for it.
type rule func(text string) (string, error)

// refusal is the error of a rule, in the words of the answer.
type refusal string

func (r refusal) Error() string { return string(r) }

// readJSON reads the JSON object of a request.
func readJSON(r *http.Request) (*fields, error) {
	body, err := readBounded(r.Body)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, bodyError("missing", "Field required")
	}
	var value any
	if kind := mediaType(r); kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json") {
		if value, err = parseJSON(body); err != nil {
			return nil, err
		}
	}
	values, isObject := value.(map[string]any)
	if !isObject {
		return nil, bodyError("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
	}
	return &fields{values: values}, nil
}

// parseJSON parses JSON that is not ambiguous.
func parseJSON(body []byte) (any, error) {
	if !isUnambiguous(body) {
		return nil, bodyError("json_invalid", "JSON decode error", 0)
	}
	var value any
	err := numberDecoder(body).Decode(&value)
	return value, err
}

// readBounded reads a body, or throws it away if it is too large.
func readBounded(body io.Reader) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, bodyMaxBytes+1))
	if err != nil {
		return nil, bodyError("json_invalid", "JSON decode error", 0) // its sender is gone
	}
	if len(read) > bodyMaxBytes {
		_, _ = io.CopyN(io.Discard, body, bodyDrainBytes-bodyMaxBytes)
		return nil, errBodyTooLarge
	}
	return read, nil
}

// mediaType returns the type of the body without its parameters.
func mediaType(r *http.Request) string {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return kind
}

// text takes a field that must be there.
func (f *fields) text(name string, rules ...rule) string {
	value, there := f.values[name]
	if !there {
		f.refuse(name, "missing", "Field required")
		return ""
	}
	return f.check(name, value, rules)
}

// fastman: if jwt or passkey
// optionalText takes a field that may be missing or null.
func (f *fields) optionalText(name string, rules ...rule) *string {
	value := f.values[name]
	if value == nil {
		return nil
	}
	text := f.check(name, value, rules)
	return &text
}

// fastman: end
// token takes a mailed token.
func (f *fields) token(name string) string {
	token := f.text(name)
	if length := utf8.RuneCountInString(token); length > tokenMaxRunes {
		f.refuse(name, "too_long", fmt.Sprintf("Value should have at most %d items after validation, not %d", tokenMaxRunes, length))
	}
	return token
}

// err returns the invalidError of all fields taken so far, or nil.
func (f *fields) err() error {
	if len(f.findings) == 0 {
		return nil
	}
	return f.findings
}

func (f *fields) check(name string, value any, rules []rule) string {
	text, isText := value.(string)
	if !isText {
		f.refuse(name, "string_type", "Input should be a valid string")
		return ""
	}
	for _, rule := range rules {
		var err error
		if text, err = rule(text); err != nil {
			f.refuse(name, "value_error", err.Error())
			return ""
		}
	}
	return text
}

func (f *fields) refuse(name, kind, message string) {
	f.findings = append(f.findings, bodyError(kind, message, name)...)
}
