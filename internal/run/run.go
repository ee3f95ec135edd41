// Package run starts every process that fastman needs: the project's
// interpreter, its package manager, the app itself for the boot check. A process
// gets a session of its own, so that it ends together with all its children and
// can't stop to ask something on the user's terminal.
package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Spec says what to run. Only Args is required.
type Spec struct {
	Args     []string // program and its arguments
	Dir      string   // working folder; "" is the current one
	Env      []string // "KEY=value", added to this process's environment
	Unset    []string // keys left out of this process's environment
	Stdin    io.Reader
	Timeout  time.Duration // 0: none
	Progress io.Writer     // gets the output while it runs, in whole lines
	User     *User         // nil: this process's own. Only root may name another, and not on Windows

	files []*os.File // descriptors of the process from 3 on
}

// User is an account of the system.
type User struct{ UID, GID uint32 }

// Result is what a finished process left. Of very long output only the end is kept.
type Result struct {
	Stdout, Stderr []byte
	Code           int // exit status; -1 when a signal ended it
	Took           time.Duration
}

// ExitError is a process that ran and did not end with status 0.
type ExitError struct {
	Args   []string
	Code   int
	Stderr []byte
	Cause  error // context.Canceled, context.DeadlineExceeded, or nil
}

func (e *ExitError) Error() string {
	switch {
	case errors.Is(e.Cause, context.DeadlineExceeded):
		return fmt.Sprintf("%q took too long and was ended", e.Args[0])
	case e.Cause != nil:
		return fmt.Sprintf("%q was interrupted", e.Args[0])
	case e.Code < 0:
		return fmt.Sprintf("%q was ended by a signal", e.Args[0])
	}
	return fmt.Sprintf("%q ended with status %d", e.Args[0], e.Code)
}

func (e *ExitError) Unwrap() error { return e.Cause }

const (
	// grace is how long a process may tidy up between the request to end and the
	// kill, and how long its leftover children may hold on to its output.
	grace = 3 * time.Second
	// keep bounds the memory for the output of one stream.
	keep = 8 << 20
)

// Run runs a process to its end. It fails with an *ExitError unless the status
// is 0; the Result is filled in either case.
func Run(ctx context.Context, s Spec) (Result, error) {
	ctx, free := within(ctx, s.Timeout)
	defer free()
	if err := ctx.Err(); err != nil {
		return Result{Code: -1}, &ExitError{Args: s.Args, Code: -1, Cause: err}
	}
	cmd := command(s)
	progress := &lines{to: s.Progress}
	stdout, stderr := &stream{progress: progress}, &stream{progress: progress}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, stdout, stderr

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Result{Code: -1}, err
	}
	err := wait(ctx, cmd, adopt(cmd))
	stdout.flush()
	stderr.flush()
	res := Result{stdout.tail.bytes(), stderr.tail.bytes(), cmd.ProcessState.ExitCode(), time.Since(start)}
	return res, outcome(ctx, s.Args, res, err)
}

func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	return context.WithCancel(ctx)
}

// wait reaps cmd; when ctx ends first, it ends the whole group.
func wait(ctx context.Context, cmd *exec.Cmd, g group) error {
	defer g.close()
	reaped := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			g.end(reaped, patience(ctx))
		case <-reaped:
		}
	}()
	err := cmd.Wait()
	close(reaped)
	<-watched
	if errors.Is(err, exec.ErrWaitDelay) {
		g.kill()
		return nil
	}
	return err
}

// end asks the group to end, then kills what is left of it.
func (g group) end(reaped <-chan struct{}, patience time.Duration) {
	g.terminate()
	select {
	case <-reaped:
	case <-time.After(patience):
	}
	g.kill()
}

// stopped is the cause of a context that Stop has ended.
type stopped struct{ patience time.Duration }

func (stopped) Error() string { return "stopped" }

func patience(ctx context.Context) time.Duration {
	var s stopped
	if errors.As(context.Cause(ctx), &s) {
		return s.patience
	}
	return grace
}

func outcome(ctx context.Context, args []string, res Result, err error) error {
	if res.Code == 0 && err == nil {
		return nil
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	return &ExitError{Args: args, Code: res.Code, Stderr: res.Stderr, Cause: ctx.Err()}
}

func command(s Spec) *exec.Cmd {
	cmd := exec.Command(s.Args[0], s.Args[1:]...)
	cmd.Dir, cmd.ExtraFiles = s.Dir, s.files
	cmd.Env = append(without(os.Environ(), s.Unset), s.Env...)
	cmd.WaitDelay = grace
	ownGroup(cmd)
	if s.User != nil {
		s.User.runs(cmd)
	}
	return cmd
}

func without(env, keys []string) []string {
	kept := make([]string, 0, len(env))
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		if !contains(keys, name) {
			kept = append(kept, pair)
		}
	}
	return kept
}

func contains(keys []string, name string) bool {
	for _, key := range keys {
		if sameEnvName(key, name) {
			return true
		}
	}
	return false
}

// LookPath finds a program on PATH. One in the current folder is not taken: it
// may be anybody's.
func LookPath(name string) (string, error) { return exec.LookPath(name) }

// tail keeps the last bytes that were written to it.
type tail struct{ buf bytes.Buffer }

func (t *tail) write(p []byte) {
	t.buf.Write(p)
	if t.buf.Len() > 2*keep {
		t.buf.Next(t.buf.Len() - keep)
	}
}

func (t *tail) bytes() []byte {
	b := t.buf.Bytes()
	return b[max(0, len(b)-keep):]
}
