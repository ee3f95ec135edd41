// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

const (
	backgroundWorkers = 4    // jobs that run at once
	backgroundWaiting = 1000 // jobs that wait; past it they are dropped

	closePause = 10 * time.Millisecond // between two looks at whether all is done
)

// background runs work that no request waits for. Its goroutines come when there
// is work, and end with it.
type background struct {
	log    *slog.Logger
	ctx    context.Context // of all jobs; ends with the patience of close
	cancel context.CancelFunc

	mu      sync.Mutex
	waiting []func(context.Context)
	workers int
	closed  bool
}

func newBackground(log *slog.Logger) *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{log: log, ctx: ctx, cancel: cancel}
}

// submit queues a job. One that finds no place is dropped, and that is logged.
func (b *background) submit(job func(context.Context)) {
	if !b.enqueue(job) {
		logEvent(b.ctx, b.log, slog.LevelError, "auth.background.full")
	}
}

func (b *background) enqueue(job func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.waiting) == backgroundWaiting {
		return false
	}
	b.waiting = append(b.waiting, job)
	if b.workers < backgroundWorkers {
		b.workers++
		go b.work()
	}
	return true
}

func (b *background) work() {
	for job := b.next(); job != nil; job = b.next() {
		b.run(job)
	}
}

// next takes the job that waits longest; without one, its worker is done.
func (b *background) next() func(context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.workers--
		return nil
	}
	job := b.waiting[0]
	b.waiting = b.waiting[1:]
	return job
}

func (b *background) run(job func(context.Context)) {
	defer func() {
		if problem := recover(); problem != nil {
			// Its text may hold what it failed on: an address, a token.
			logEvent(b.ctx, b.log, slog.LevelError, "auth.background.failed",
				slog.String("error", fmt.Sprintf("%T", problem)), slog.String("stack", string(debug.Stack())))
		}
	}()
	job(b.ctx)
}

// close lets the jobs finish, and those that they submit. When the patience ends first,
// their context does too, and that is logged.
func (b *background) close(patience time.Duration) {
	defer b.cancel()
	for deadline := time.Now().Add(patience); !b.closeIdle(); time.Sleep(closePause) {
		if time.Now().After(deadline) {
			logEvent(b.ctx, b.log, slog.LevelError, "auth.background.unfinished")
			return
		}
	}
}

// closeIdle takes no more jobs once none is left.
func (b *background) closeIdle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = b.workers == 0
	return b.closed
}
