// fastman: file jwt
package auth

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

const formMaxFields = 100

var errForm = bodyError("value_error", "Body is not a valid form")

// readLogin reads a sign-in from a form, as OAuth2 sends it, or from JSON.
func readLogin(r *http.Request) (*fields, error) {
	body, err := readBounded(r.Body)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	switch mediaType(r) {
	case "application/json":
		values, err = parseLogin(body)
	case "application/x-www-form-urlencoded":
		values, err = parseURLEncoded(body)
	case "multipart/form-data":
		values, err = parseMultipart(r.Header.Get("Content-Type"), body)
	default:
		err = bodyError("value_error", "Body must be a form or JSON")
	}
	if err != nil {
		return nil, err
	}
	return &fields{values: values}, nil
}

func parseLogin(body []byte) (map[string]any, error) {
	value, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	values, isObject := value.(map[string]any)
	if !isObject {
		return nil, bodyError("model_type", "Input should be a valid dictionary or instance of LoginRequest")
	}
	return values, nil
}

func parseURLEncoded(body []byte) (map[string]any, error) {
	if bytes.Count(body, []byte("&")) >= formMaxFields {
		return nil, errForm
	}
	values := map[string]any{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if !addField(values, unescape(name), unescape(value)) {
			return nil, errForm
		}
	}
	return values, nil
}

// unescape decodes a part of a form; a % that begins no escape is one, as browsers'
// parsers take it (WHATWG URL, section 5.1), where url.QueryUnescape gives up.
func unescape(text string) string {
	text = strings.ReplaceAll(text, "+", " ")
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		text = after
		if len(after) >= 2 {
			if octet, err := strconv.ParseUint(after[:2], 16, 8); err == nil {
				out.WriteByte(byte(octet))
				text = after[2:]
				continue
			}
		}
		out.WriteByte('%')
	}
}

func parseMultipart(contentType string, body []byte) (map[string]any, error) {
	_, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || boundary == "" || !bytes.Contains(body, []byte("--"+boundary)) {
		return nil, errForm
	}
	values := map[string]any{}
	for form := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) { // where a form breaks off, too: its whole parts count
			return values, nil
		}
		if err != nil || !addPart(values, part) {
			return nil, errForm
		}
	}
}

func addPart(values map[string]any, part *multipart.Part) bool {
	value, err := io.ReadAll(part)
	if err != nil {
		return errors.Is(err, io.ErrUnexpectedEOF)
	}
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if _, isFile := params["filename"]; isFile {
		return true
	}
	return addField(values, part.FormName(), string(value))
}

func addField(values map[string]any, name, value string) bool {
	if _, twice := values[name]; twice || !utf8.ValidString(name) || !utf8.ValidString(value) {
		return false
	}
	values[name] = value
	return true
}
