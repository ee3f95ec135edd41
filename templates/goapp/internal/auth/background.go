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
	pending sync.WaitGroup // jobs that wait or run
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
	b.pending.Add(1)
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
	defer b.pending.Done()
	defer func() {
		if problem := recover(); problem != nil {
			// Its text may hold what it failed on: an address, a token.
			logEvent(b.ctx, b.log, slog.LevelError, "auth.background.failed",
				slog.String("error", fmt.Sprintf("%T", problem)), slog.String("stack", string(debug.Stack())))
		}
	}()
	job(b.ctx)
}

// close takes no more jobs, and lets those it has finish. When the patience ends
// first, their context does too.
func (b *background) close(patience time.Duration) {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	defer b.cancel()
	finished := make(chan struct{})
	go func() {
		b.pending.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-time.After(patience):
	}
}
