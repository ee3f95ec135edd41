package wire

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// ginMiddleware turns middleware of net/http into gin's. It serves for the guards too:
//
//	r.GET("/protected", ginMiddleware(auth.RequireUser), protected)
func ginMiddleware(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
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
