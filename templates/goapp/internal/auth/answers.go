package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
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
	errNotVerified      = &problem{status: http.StatusForbidden, detail: "E-mail address is not verified"}
	errReauthRequired   = &problem{status: http.StatusForbidden, detail: "reauth_required"}
	errNotFound         = &problem{status: http.StatusNotFound, detail: "Not Found"}
	errNotAllowed       = &problem{status: http.StatusMethodNotAllowed, detail: "Method Not Allowed"}
	errUnavailable      = &problem{status: http.StatusServiceUnavailable, detail: "Database is not available", retryAfter: 5}
	errNoAuth           = &problem{status: http.StatusInternalServerError, detail: "Internal Server Error"}
)

// fail is the one place where an error becomes an answer.
func (a *Auth) fail(w http.ResponseWriter, r *http.Request, err error) {
	var invalid invalidError
	var seen *problem
	switch {
	case errors.As(err, &invalid):
		answer(w, http.StatusUnprocessableEntity, map[string]any{"detail": invalid})
	case errors.As(err, &seen):
		refuse(w, seen)
	default:
		if r.Context().Err() == nil { // else the client has hung up, which ended the work
			a.logFailure(r.Context(), err)
		}
		refuse(w, errUnavailable)
	}
}

// logFailure says what is wrong with the database, but not what was asked of it: the
// values are addresses and hashes, which no log may hold.
func (a *Auth) logFailure(ctx context.Context, err error) {
	logEvent(ctx, a.log, slog.LevelError, "auth.database.failed", slog.String("error", kindOfError(err)))
}

func kindOfError(err error) string {
	var onServer *pgconn.PgError
	var inFile *sqlite.Error
	var onTheWay *net.OpError
	switch {
	case errors.As(err, &onServer):
		return "SQLSTATE " + onServer.Code
	case errors.As(err, &inFile):
		return cmp.Or(sqlite.ErrorCodeString[inFile.Code()], "SQLite "+strconv.Itoa(inFile.Code()))
	case errors.As(err, &onTheWay):
		return onTheWay.Error()
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}

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

// done answers that there is nothing to say.
func done(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
