// fastman: file jwt or oauth or passkey
package auth

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A stopping server finishes what is queued.
func TestCloseFinishesTheJobs(t *testing.T) {
	b := newBackground(slog.New(slog.DiscardHandler))
	var done atomic.Int32
	for range 100 {
		b.submit(func(context.Context) { done.Add(1) })
	}
	b.close(time.Minute)
	if done.Load() != 100 {
		t.Errorf("%d of 100 jobs ran", done.Load())
	}
}

// A job that hangs is told to end when the patience is over.
func TestCloseEndsTheContext(t *testing.T) {
	b := newBackground(slog.New(slog.DiscardHandler))
	ended := make(chan struct{})
	b.submit(func(ctx context.Context) {
		<-ctx.Done()
		close(ended)
	})
	b.close(0)
	<-ended
}

// Past the bound jobs are dropped, and only so many run at once.
func TestJobsAreBounded(t *testing.T) {
	var log bytes.Buffer
	b := newBackground(slog.New(slog.NewTextHandler(&log, nil)))
	var started sync.WaitGroup
	started.Add(backgroundWorkers)
	release := make(chan struct{})
	for range backgroundWorkers {
		b.submit(func(context.Context) { started.Done(); <-release })
	}
	started.Wait()
	var ran atomic.Int32
	for range backgroundWaiting + 1 {
		b.submit(func(context.Context) { ran.Add(1) })
	}
	if n := strings.Count(log.String(), "auth.background.full"); n != 1 {
		t.Errorf("%d jobs were dropped, want 1", n)
	}
	close(release)
	b.close(time.Minute)
	if ran.Load() != backgroundWaiting {
		t.Errorf("%d waiting jobs ran", ran.Load())
	}
}

// A job that panics takes nothing with it, and its text does not reach the log.
func TestPanicIsLoggedByItsKind(t *testing.T) {
	var log bytes.Buffer
	b := newBackground(slog.New(slog.NewTextHandler(&log, nil)))
	b.submit(func(context.Context) { panic("ada@example.com") })
	b.close(time.Minute)
	if !strings.Contains(log.String(), "auth.background.failed") || strings.Contains(log.String(), "ada@") {
		t.Errorf("%s", log.String())
	}
}
