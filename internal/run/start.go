package run

import (
	"context"
	"io"
	"os"
	"time"
)

// Process is a running process. Its caller reads Stdout to the end (a full pipe
// stops the process) and calls Stop or waits for Done.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.ReadCloser

	pid    int
	cancel context.CancelCauseFunc
	done   chan struct{}
	result Result
	err    error
}

// Start starts a process that is talked to while it runs. Its standard error
// goes to Progress; Stdin of the Spec is not used. It is ended when ctx ends, and on Linux
// and Windows also when fastman is killed.
func Start(ctx context.Context, s Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := command(s)
	endsWithUs(cmd)
	stderr := &stream{progress: &lines{to: s.Progress}}
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// A pipe of our own: the one of os/exec is closed once the process ended,
	// with output still in it.
	stdout, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = theirs
	start := time.Now()
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		_ = stdout.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	p := &Process{Stdin: stdin, Stdout: stdout, pid: cmd.Process.Pid, cancel: cancel, done: make(chan struct{})}
	g := adopt(cmd)
	go func() {
		defer close(p.done)
		limited, free := within(ctx, s.Timeout)
		defer free()
		err := wait(limited, cmd, g)
		stderr.flush()
		p.result = Result{Stderr: stderr.tail.bytes(), Code: cmd.ProcessState.ExitCode(), Took: time.Since(start)}
		p.err = outcome(limited, s.Args, p.result, err)
	}()
	return p, nil
}

// Pid is the process id.
func (p *Process) Pid() int { return p.pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end. Stdout is the caller's: the Result does not have it.
func (p *Process) Wait() (Result, error) {
	<-p.done
	p.cancel(nil)
	return p.result, p.err
}

// Stop asks the process and its children to end, kills what is left after
// patience, and returns once it has ended. Stopping twice is fine.
func (p *Process) Stop(patience time.Duration) {
	p.cancel(stopped{patience})
	<-p.done
}
