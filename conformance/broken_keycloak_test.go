package conformance_test

import (
	"net/http"
	"strings"
)

// keycloakDefects are faults of verifying tokens of a realm.
var keycloakDefects = []defect{
	{
		name:   "any token of the realm will do",
		caught: `^keycloak/(a-tampered|none-and|other-algorithms|a-foreign|a-key-in|another-realms|a-token-for|an-id-token|times|a-subject|odd)`,
		ask: func(r *http.Request, seen *traffic) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") && seen.accepted != "" {
				r.Header.Set("Authorization", seen.accepted)
			}
		},
		answer: func(r *http.Response, seen *traffic) {
			if r.StatusCode == http.StatusOK && strings.HasSuffix(r.Request.URL.Path, "/me") {
				seen.accepted = r.Request.Header.Get("Authorization")
			}
		},
	},
	{
		name: "who sends no token is anybody", caught: `^keycloak/(without|nothing-but)`,
		reply: func(w http.ResponseWriter, r *http.Request, _ *traffic) bool {
			if !strings.HasSuffix(r.URL.Path, "/me") || r.Header.Get("Authorization") != "" {
				return false
			}
			_, _ = w.Write([]byte(`{"id": "1"}`))
			return true
		},
	},
	{
		name: "without Keycloak the app is open", caught: `^keycloak/down-at-start`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusServiceUnavailable {
				r.StatusCode = http.StatusOK
			}
		},
	},
	{
		name: "a Keycloak that is down is the token's fault", caught: `^keycloak/down-at-start`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusServiceUnavailable {
				r.StatusCode = http.StatusUnauthorized
			}
		},
	},
	{
		name: "who has no address is let in", caught: `^keycloak-user/without-an-address`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusForbidden {
				r.StatusCode = http.StatusOK
			}
		},
	},
}
