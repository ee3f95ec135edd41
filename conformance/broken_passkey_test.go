package conformance_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
)

// passkeyDefects are faults of passkeys. Most of them set right what a client has got
// wrong before the app sees it, as an app does that does not look.
var passkeyDefects = []defect{
	{
		name: "a failed assertion signs in", caught: `^passkey/(forged-assertions|another-users-credential|failures|a-counter|of-two|backup|a-disabled|an-old-challenge|a-challenge-is-of|removing-ends)`,
		answer: func(r *http.Response, seen *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/passkey/authenticate/verify") {
				seen.passToken(r, http.StatusOK)
			}
		},
	},
	{
		name: "a failed attestation registers", caught: `^passkey/(forged-attestations|an-attestation|a-challenge-is-of|an-old|somebodys-address|two-at-once|an-id|a-further-one-needs-the)`,
		answer: func(r *http.Response, seen *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/passkey/register/verify") {
				seen.passToken(r, http.StatusCreated)
			}
		},
	},
	{
		name: "user verification is not asked for", caught: `^passkey/(register-options|sign-in-options)`,
		answer: changeOptions(func(options map[string]any) {
			options["userVerification"] = "preferred"
			options["authenticatorSelection"] = map[string]any{"residentKey": "required", "requireResidentKey": true, "userVerification": "preferred"}
		}),
	},
	{
		name: "options name the passkeys of an address", caught: `^passkey/sign-in-options`,
		answer: changeOptions(func(options map[string]any) {
			if _, there := options["allowCredentials"]; there {
				options["allowCredentials"] = []any{map[string]any{"id": "AAAA", "type": "public-key"}}
			}
		}),
	},
	{
		name: "one challenge for all", caught: `^passkey/(register-options|sign-in-options|nothing-but)`,
		answer: changeOptions(func(options map[string]any) { options["challenge"] = strings.Repeat("A", 43) }),
	},
	{
		name: "a user.id of the address", caught: `^passkey/(register-options|makes-an-account)`,
		answer: changeOptions(func(options map[string]any) {
			if user, there := options["user"].(map[string]any); there {
				sum := sha256.Sum256([]byte(strings.ToLower(user["name"].(string))))
				user["id"] = base64.RawURLEncoding.EncodeToString(sum[:])
			}
		}),
	},
	{
		name: "an assertion serves twice", caught: `^passkey/an-assertion-serves-once`,
		reply: func(w http.ResponseWriter, r *http.Request, seen *traffic) bool {
			if !strings.HasSuffix(r.URL.Path, "/passkey/authenticate/verify") || seen.exchanged == nil {
				return false
			}
			_, _ = w.Write(seen.exchanged.Body.Bytes())
			return true
		},
		answer: func(r *http.Response, seen *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/passkey/authenticate/verify") && r.StatusCode == http.StatusOK {
				seen.exchanged = httptest.NewRecorder()
				_, _ = seen.exchanged.Write(readAll(r))
			}
		},
	},
	{
		name: "what a client breaks is the app's fault", caught: `^passkey/(forged|bodies-that|another-users-credential|names-are)|^recovery/bodies`,
		answer: func(r *http.Response, _ *traffic) {
			if strings.Contains(r.Request.URL.Path, "/passkey/") && (r.StatusCode == http.StatusBadRequest || r.StatusCode == http.StatusUnprocessableEntity) {
				r.StatusCode = http.StatusInternalServerError
			}
		},
	},
	{
		name: "refusals say why", caught: `^passkey/(forged|failures-are-alike|a-disabled|somebodys-address)`,
		answer: func(r *http.Response, _ *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/verify") && r.StatusCode == http.StatusBadRequest {
				setBody(r, `{"detail":"the signature does not fit"}`)
			}
		},
	},
	{
		name: "the last way in may go", caught: `^passkey/(the-last|two-removals|beside-a-provider|of-passkey)`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusConflict && r.Request.Method == http.MethodDelete {
				r.StatusCode = http.StatusNoContent
				setBody(r, "")
			}
		},
	},
	{
		name: "removing does nothing", caught: `^passkey/(removing-ends|beside-a-password|another-users-is)`,
		reply: func(w http.ResponseWriter, r *http.Request, _ *traffic) bool {
			removes := r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/passkey/credentials/")
			if removes {
				w.WriteHeader(http.StatusNoContent)
			}
			return removes
		},
	},
	{
		name: "an old sign-in will do", caught: `^passkey/(a-further-one-needs-a-recent|removing-needs)|^recovery/codes-need|^page/only`,
		answer: func(r *http.Response, _ *traffic) {
			if r.StatusCode == http.StatusForbidden {
				r.StatusCode = http.StatusOK
			}
		},
	},
	{
		name: "any code recovers", caught: `^recovery/(a-code-serves|failures|new-codes|guesses|by-mail-is-off)`,
		answer: func(r *http.Response, seen *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/passkey/recovery") {
				seen.passToken(r, http.StatusOK)
			}
		},
	},
	{
		name: "the page may load anything", caught: `^page/runs-nothing`,
		answer: func(r *http.Response, _ *traffic) {
			if strings.HasSuffix(r.Request.URL.Path, "/ui") {
				r.Header.Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'")
			}
		},
	},
}

// passToken answers a refusal with the last session's token.
func (seen *traffic) passToken(r *http.Response, status int) {
	if r.StatusCode != http.StatusBadRequest && r.StatusCode != http.StatusUnauthorized {
		return
	}
	r.StatusCode = status
	body, _ := json.Marshal(map[string]any{
		"status": "ok", "credential_id": "AAAA", "access_token": seen.token, "token_type": "bearer", "expires_in": 3600, "refresh_token": "x",
	})
	setBody(r, string(body))
}

func changeOptions(change func(map[string]any)) func(*http.Response, *traffic) {
	return func(r *http.Response, _ *traffic) {
		if !strings.HasSuffix(r.Request.URL.Path, "/options") || r.StatusCode != http.StatusOK {
			return
		}
		var options map[string]any
		if json.Unmarshal(readAll(r), &options) == nil {
			change(options)
			body, _ := json.Marshal(options)
			setBody(r, string(body))
		}
	}
}
