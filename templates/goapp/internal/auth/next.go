// fastman: file oauth
package auth

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

const nextMaxBytes = 2048

var errInvalidNext = &problem{status: http.StatusBadRequest, detail: "Invalid next"}

// readNext returns where a sign-in is to lead: a path of this app, or nothing.
func readNext(query url.Values) (string, error) {
	next := query.Get("next")
	if len(query["next"]) > 1 || next != "" && !isOwnPath(next) {
		return "", errInvalidNext
	}
	return next, nil
}

// isOwnPath tells whether every browser, and every server that decodes once more than
// it should, takes this for a path of the app that sends it.
func isOwnPath(path string) bool {
	if len(path) > nextMaxBytes || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	for range 3 {
		if !looksOwn(path) {
			return false
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		if decoded == path {
			return true
		}
		path = decoded
	}
	return false
}

// looksOwn: browsers take a backslash for a slash, and leave out control characters
// (WHATWG URL, section 4.4).
func looksOwn(path string) bool {
	before, _, _ := strings.Cut(path, "?")
	return strings.HasPrefix(path, "/") && !strings.Contains(before, "//") &&
		!strings.ContainsFunc(path, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
}
