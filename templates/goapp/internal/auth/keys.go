// fastman: file jwt or oauth or passkey
package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
)

// keys are derived from the secrets of the app, one for each purpose. The first
// secret signs, all of them verify.
type keys struct {
	kid     string            // of the access key that signs
	access  map[string][]byte // by kid
	refresh [][]byte
}

func newKeys(secrets ...string) (keys, error) {
	k := keys{access: map[string][]byte{}}
	for _, secret := range secrets {
		access, err := deriveKey(secret, "fastman/access/v1")
		if err != nil {
			return keys{}, err
		}
		refresh, err := deriveKey(secret, "fastman/refresh/v1")
		if err != nil {
			return keys{}, err
		}
		k.access[keyID(access)] = access
		k.refresh = append(k.refresh, refresh)
		if k.kid == "" {
			k.kid = keyID(access)
		}
	}
	return k, nil
}

// deriveKey makes the key of one purpose: HKDF-SHA-256 without salt (RFC 5869).
func deriveKey(secret, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(secret), nil, purpose, 32)
}

// keyID names a key in the header of a token without giving it away.
func keyID(key []byte) string {
	sum := sha256.Sum256(key)
	return base64url.EncodeToString(sum[:8])
}

// randomText returns so many random bytes as text.
func randomText(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // it never fails: without randomness the process ends
	return base64url.EncodeToString(random)
}
