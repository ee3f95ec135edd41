package wire

import (
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"fastman/templates/goapp/internal/auth"
)

// guarded is an engine with the sign-in in front of it.
type guarded struct{ handler http.Handler }

// behind puts the sign-in in front of an engine whose routes are made already.
func behind(authn *auth.Auth, engine *gin.Engine) guarded {
	return guarded{authn.Middleware(engine.Handler())}
}

// Run serves as gin's Run does: at the address, else at PORT, else at 8080.
func (g guarded) Run(address ...string) error {
	at := ":8080"
	if port := os.Getenv("PORT"); port != "" {
		at = ":" + port
	}
	if len(address) > 0 {
		at = address[0]
	}
	return http.ListenAndServe(at, g.handler)
}
