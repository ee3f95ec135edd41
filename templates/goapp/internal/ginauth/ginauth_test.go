package ginauth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"fastman/templates/goapp/internal/auth"
)

func answer(h http.Handler, path string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code
}

// The sign-in answers its own paths in front of an engine, a guard those of nobody, and
// the engine all others.
func TestEngine(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	authn := signIn(t)
	used, behind := gin.New(), gin.New()
	used.Use(Wrap(authn.Middleware))
	for _, engine := range []*gin.Engine{used, behind} {
		engine.GET("/ping", func(c *gin.Context) { c.Status(http.StatusNoContent) })
		engine.GET("/mine", Wrap(auth.RequireUser), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	}
	for name, handler := range map[string]http.Handler{"used": used, "behind": Behind(authn.Middleware, behind).handler} {
		for path, want := range map[string]int{"/ping": 204, "/mine": 401, "/auth/me": 401, "/nowhere": 404} {
			if code := answer(handler, path); code != want {
				t.Errorf("%s: GET %s: %d, want %d", name, path, code, want)
			}
		}
	}
}

// An address that cannot be listened on is the error of Run.
func TestRun(t *testing.T) {
	server := Behind(func(next http.Handler) http.Handler { return next }, gin.New())
	if err := server.Run("nowhere.invalid:1"); err == nil {
		t.Error("no error")
	}
}
