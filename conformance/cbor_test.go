package conformance

import (
	"encoding/hex"
	"strings"
	"testing"
)

// What the authenticator of the suite writes is the CBOR of RFC 8949, appendix A.
func TestCBOR(t *testing.T) {
	for want, value := range map[string]any{
		"00": 0, "17": 23, "1818": 24, "18ff": 255, "190100": 256, "1a000f4240": 1_000_000, "1b000000e8d4a51000": 1_000_000_000_000,
		"20": -1, "3863": -100, "3903e7": -1000, "f4": false, "f5": true, "40": []byte{}, "4401020304": []byte{1, 2, 3, 4},
		"60": "", "6449455446": "IETF", "62c3bc": "\u00fc", "80": []any{}, "83010203": []any{1, 2, 3},
		"a0": cborMap{}, "a201020304": cborMap{{1, 2}, {3, 4}}, "a26161016162820203": cborMap{{"a", 1}, {"b", []any{2, 3}}},
		"5818" + strings.Repeat("00", 24): make([]byte, 24),
	} {
		if have := hex.EncodeToString(cborOf(value)); have != want {
			t.Errorf("%v is %s, want %s", value, have, want)
		}
	}
}
