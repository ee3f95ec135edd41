package conformance_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// wycheproof is the part of a file of Project Wycheproof that is read here.
type wycheproof struct {
	TestGroups []struct {
		Tests []struct {
			ID      int `json:"tcId"`
			Comment string
			JWS     string
		}
	}
}

// No token of Project Wycheproof signs anybody in, and none breaks the app. This
// repository does not hold the vectors: ./test fetches them, and TEST_WYCHEPROOF names
// the folder of that copy of github.com/C2SP/wycheproof.
func TestWycheproofTokensAreRefused(t *testing.T) {
	folder := os.Getenv("TEST_WYCHEPROOF")
	if folder == "" {
		t.Skip("TEST_WYCHEPROOF names no folder with the vectors")
	}
	text, err := os.ReadFile(filepath.Join(folder, "testvectors_v1", "json_web_signature_test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors wycheproof
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	t.Run("fastapi", func(t *testing.T) { vectors.areRefused(t, template(t, "sqlite:///./app.db")) })
	t.Run("go", func(t *testing.T) { vectors.areRefused(t, goTemplate(t, "sqlite:///./app.db")) })
}

func (vectors wycheproof) areRefused(t *testing.T, app project) {
	server := app.Boot(t, app.env)
	sent := 0
	for _, group := range vectors.TestGroups {
		for _, vector := range group.Tests {
			sent++
			if status := statusOfMe(t, server.URL, vector.JWS); status != http.StatusUnauthorized {
				t.Errorf("vector %d, %s: status %d, want 401", vector.ID, vector.Comment, status)
			}
		}
	}
	if sent < 300 {
		t.Errorf("the file holds %d vectors, and should hold more than 300", sent)
	}
}

func statusOfMe(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/auth/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
