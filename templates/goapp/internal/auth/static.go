// fastman: file passkey
package auth

import (
	"embed"
	"net/http"
	"path"
)

// What pages load from here. It is part of the program.
//
//go:embed static
var static embed.FS

var kinds = map[string]string{".js": "text/javascript", ".css": "text/css", ".html": "text/html"}

func (a *Auth) getStatic(w http.ResponseWriter, r *http.Request) error {
	return answerFile(w, path.Base(r.URL.Path))
}

// answerFile answers with a file of the folder static.
func answerFile(w http.ResponseWriter, name string) error {
	content, err := static.ReadFile("static/" + name)
	if err != nil {
		return errNotFound
	}
	w.Header().Set("Content-Type", kinds[path.Ext(name)]+"; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(content) // a client that has hung up reads no answer
	return nil
}
