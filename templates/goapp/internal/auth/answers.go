package auth

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an error that a client gets to see: its text is the answer's detail.
type problem struct {
	status     int
	detail     string
	retryAfter int // seconds; 0: the client is not told
}

func (p *problem) Error() string { return p.detail }

var (
	errNotAuthenticated = &problem{status: http.StatusUnauthorized, detail: "Not authenticated"}
	errForbidden        = &problem{status: http.StatusForbidden, detail: "Forbidden"}
	errNotFound         = &problem{status: http.StatusNotFound, detail: "Not Found"}
	errNotAllowed       = &problem{status: http.StatusMethodNotAllowed, detail: "Method Not Allowed"}
	errNoAuth           = &problem{status: http.StatusInternalServerError, detail: "Internal Server Error"}
)

func refuse(w http.ResponseWriter, p *problem) {
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750, section 3
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	answer(w, p.status, map[string]string{"detail": p.detail})
}

// answer writes JSON that no cache keeps.
func answer(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has hung up reads no answer
	return nil
}
