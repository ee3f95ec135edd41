// Package ginauth lets gin use package auth, which is made for net/http.
package ginauth

import (
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
)

// Wrap turns middleware of net/http into gin's, and so the guards of package auth:
//
//	r.GET("/orders", ginauth.Wrap(auth.RequireUser), orders)
func Wrap(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r
			c.Next()
		})
		middleware(next).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

// Server is an engine with middleware in front of all its routes.
type Server struct{ handler http.Handler }

// Behind puts middleware in front of an engine whose routes are made already:
//
//	ginauth.Behind(authn.Middleware, r).Run(":8080")
func Behind(middleware func(http.Handler) http.Handler, engine *gin.Engine) Server {
	return Server{middleware(engine.Handler())}
}

// Run serves as gin's Run does: at the address, else at PORT, else at 8080.
func (s Server) Run(address ...string) error {
	at := ":8080"
	if port := os.Getenv("PORT"); port != "" {
		at = ":" + port
	}
	if len(address) > 0 {
		at = address[0]
	}
	return http.ListenAndServe(at, s.handler)
}
