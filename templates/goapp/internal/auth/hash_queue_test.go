// fastman: file jwt
package auth

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// More sign-ins than can be worked off are refused, until one of them is done.
func TestHashQueueIsBounded(t *testing.T) {
	queue := newHashQueue()
	var leaves []func()
	for range cap(queue.places) {
		leave, err := queue.enter()
		if err != nil {
			t.Fatalf("the place after %d is refused", len(leaves))
		}
		leaves = append(leaves, leave)
	}
	if err := queue.do(t.Context(), func() {}); !errors.Is(err, errBusy) {
		t.Errorf("a full queue answers %v", err)
	}
	leaves[0]()
	if err := queue.do(t.Context(), func() {}); err != nil {
		t.Errorf("a place that was left is refused: %v", err)
	}
}

// No more hashes run at once than there are cores.
func TestHashesRunOnePerCore(t *testing.T) {
	queue := newHashQueue()
	var running, tooMany atomic.Int32
	var all sync.WaitGroup
	for range cap(queue.places) {
		all.Go(func() {
			_ = queue.do(t.Context(), func() {
				if int(running.Add(1)) > cap(queue.running) {
					tooMany.Add(1)
				}
				defer running.Add(-1)
			})
		})
	}
	all.Wait()
	if tooMany.Load() > 0 {
		t.Errorf("%d hashes ran beside too many others", tooMany.Load())
	}
}

// Somebody who hangs up while waiting gives the place back.
func TestHashQueueIsLeft(t *testing.T) {
	queue := newHashQueue()
	for range cap(queue.running) {
		queue.running <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := queue.do(ctx, func() { t.Error("worked for nobody") }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if len(queue.places) != 0 {
		t.Errorf("%d places are lost", len(queue.places))
	}
}
