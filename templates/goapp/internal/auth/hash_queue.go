// fastman: file jwt
package auth

import (
	"context"
	"net/http"
	"runtime"
)

const hashesWaitingPerCore = 10

var errBusy = &problem{
	status: http.StatusServiceUnavailable, detail: "Too many sign-ins at the moment, try again shortly", retryAfter: 2,
}

// hashQueue lets as many hashes run at once as there are cores. More would slow down
// all of them, and every other request.
type hashQueue struct {
	places  chan struct{} // of hashes that run or wait
	running chan struct{}
}

func newHashQueue() *hashQueue {
	cores := runtime.GOMAXPROCS(0)
	return &hashQueue{
		places:  make(chan struct{}, cores+cores*hashesWaitingPerCore),
		running: make(chan struct{}, cores),
	}
}

// do enters the queue and runs work when its turn comes.
func (q *hashQueue) do(ctx context.Context, work func()) error {
	leave, err := q.enter()
	if err != nil {
		return err
	}
	defer leave()
	return q.run(ctx, work)
}

// enter takes a place until leave is called. It returns errBusy when all are taken.
func (q *hashQueue) enter() (leave func(), err error) {
	select {
	case q.places <- struct{}{}:
		return func() { <-q.places }, nil
	default:
		return nil, errBusy
	}
}

// run runs work when a core is free, for a caller that holds a place. It returns the
// context's error when that ends first.
func (q *hashQueue) run(ctx context.Context, work func()) error {
	select {
	case q.running <- struct{}{}:
		defer func() { <-q.running }()
		work()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
