package auth

import (
	"strconv"
	"testing"
)

// However many tokens come, the memory for them is bounded, and the newest is known.
func TestRememberedIsBounded(t *testing.T) {
	var r remembered[int]
	for i := range 2*rememberedMax + 1 {
		r.keep(strconv.Itoa(i), i)
		if value, known := r.find(strconv.Itoa(i)); !known || value != i {
			t.Fatalf("%d is not known", i)
		}
	}
	if len(r.values) > rememberedMax {
		t.Errorf("%d are kept", len(r.values))
	}
}
