package verify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fastman/internal/install"
	"fastman/internal/verify"
	"fastman/templates"
)

// A server that is not the project's, or none at all, is no defect of the project.
func TestOtherServersAreNotJudged(t *testing.T) {
	dir := newProject(t, "go")
	dead := httptest.NewServer(nil)
	dead.Close()
	for what, answer := range map[string]http.HandlerFunc{
		"answers 404": http.NotFound,
		"answers 200": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<!doctype html><title>shop</title>"))
		},
		"answers 503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"leads to https://a.example": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://a.example"+r.URL.Path, http.StatusPermanentRedirect)
		},
		"does not answer": nil,
	} {
		url := dead.URL
		if answer != nil {
			server := httptest.NewServer(answer)
			defer server.Close()
			url = server.URL
		}
		_, err := verify.Run(t.Context(), verify.Options{Common: install.Common{Dir: dir, Templates: templates.Builtin()}, URL: url})
		var unjudged *verify.Unjudged
		if !errors.As(err, &unjudged) || !strings.Contains(unjudged.What, what) || unjudged.Hint == "" {
			t.Errorf("a server that %s: %v", what, err)
		}
	}
}

// Only what can but be this machine is tried out without its owner's word.
func TestOnlyThisMachine(t *testing.T) {
	for url, ours := range map[string]bool{
		"http://127.0.0.1:1": true, "http://127.9.9.9:1/api": true, "http://[::1]:1": true, "http://[::ffff:127.0.0.1]:1": true,
		"http://localhost:1": true, "http://LOCALHOST:1": true, "http://0.0.0.0:1": true,
		"http://192.0.2.1": false, "http://[2001:db8::1]": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
		"http://127.0.0.1@192.0.2.1": false, "http://192.0.2.1#@127.0.0.1": false, "http://me:you@127.0.0.1:1": false,
		"http://127.0.0.1:1/?next=x": false, "file:///etc/passwd": false, "127.0.0.1:8000": false, "http://": false, "http://[::1": false,
	} {
		_, err := verify.List(t.Context(), verify.Options{Common: install.Common{Dir: t.TempDir(), Templates: templates.Builtin()}, URL: url})
		var usage *install.Usage
		if refused := errors.As(err, &usage); refused == ours {
			t.Errorf("%s: %v", url, err)
		}
	}
}
