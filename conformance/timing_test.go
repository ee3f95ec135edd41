package conformance

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A leak of a tenth is found on a busy machine, and none where there is none.
func TestLeaksOfTimeAreTold(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	busy := func() time.Duration { // half of all samples wait for somebody else
		return time.Duration(10*(1+source.Float64()/20)*1e6) + time.Duration(source.IntN(2)*source.IntN(15e6))
	}
	attempts := []attempt{{name: "a wrong password"}, {name: "an unknown user"}}
	for leak, found := range map[time.Duration]bool{0: false, time.Millisecond: true, -time.Millisecond: true} {
		samples := make([][]time.Duration, 2)
		for range 32 * rounds {
			samples[0], samples[1] = append(samples[0], busy()), append(samples[1], busy()+leak)
		}
		if problem := compare(attempts, samples, surely); (problem != "") != found {
			t.Errorf("a leak of %v: %q", leak, problem)
		}
	}
}
