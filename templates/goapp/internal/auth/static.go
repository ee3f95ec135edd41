// fastman: file passkey
package auth

import (
	"embed"
	"net/http"
)

// What pages load from here. It is part of the program.
//
//go:embed static
var static embed.FS

// file answers with a file of the folder static.
func (a *Auth) file(name, kind string) route {
	content, err := static.ReadFile("static/" + name)
	serve := func(w http.ResponseWriter, _ *http.Request) error {
		if err != nil {
			return errNotFound
		}
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(content) // a client that has hung up reads no answer
		return nil
	}
	return route{http.MethodGet: serve, http.MethodHead: serve}
}
