// fastman: file jwt or oauth or passkey
package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

var (
	errNotVerified    = &problem{status: http.StatusForbidden, detail: "E-mail address is not verified"}
	errReauthRequired = &problem{status: http.StatusForbidden, detail: "reauth_required"}
	errUnavailable    = &problem{status: http.StatusServiceUnavailable, detail: "Database is not available", retryAfter: 5}
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

// done answers that there is nothing to say.
func done(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
