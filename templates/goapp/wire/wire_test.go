package wire

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"

	"fastman/templates/goapp/internal/auth"
)

// signIn makes the sign-in on a database of the test.
func signIn(t *testing.T) *auth.Auth {
	t.Helper()
	db, err := auth.Open("sqlite:///" + filepath.ToSlash(filepath.Join(t.TempDir(), "app.db")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := auth.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	authn, err := auth.New(t.Context(), auth.Config{Environment: "test", SecretKey: "a key of a test with more than 32 bytes"}, db, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authn.Close)
	return authn
}

func answer(h http.Handler, path string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code
}

// The sign-in answers its own paths in front of an engine, and the engine all others.
func TestGin(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	authn := signIn(t)
	engine := gin.New()
	engine.Use(ginMiddleware(authn.Middleware))
	engine.GET("/ping", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	late := gin.New()
	late.GET("/ping", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	for name, handler := range map[string]http.Handler{"used": engine, "behind": behind(authn, late).handler} {
		if code := answer(handler, "/ping"); code != http.StatusNoContent {
			t.Errorf("%s: GET /ping: %d", name, code)
		}
		if code := answer(handler, "/auth/me"); code != http.StatusUnauthorized {
			t.Errorf("%s: GET /auth/me: %d", name, code)
		}
		if code := answer(handler, "/nowhere"); code != http.StatusNotFound {
			t.Errorf("%s: GET /nowhere: %d", name, code)
		}
	}
}

// An address that cannot be listened on is the error of Run.
func TestBehindRun(t *testing.T) {
	authn := signIn(t)
	if err := behind(authn, gin.New()).Run("nowhere.invalid:1"); err == nil {
		t.Error("no error")
	}
}
