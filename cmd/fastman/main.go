// Command fastman adds sign-in to a web project as code that the user owns.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"fastman/internal/install"
)

// Exit statuses. 0 never means that work is left over.
const (
	exitDone   = 0
	exitFailed = 1 // nothing was changed
	exitUsage  = 2
	exitLeft   = 3 // done, but something is left for the user
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	// Who reads the output may go: a write fails then, and what was begun is finished.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], newTerminal(os.Stdout, os.Stderr))
	stop()
	os.Exit(code)
}

// endings are the signals that ask fastman to end. A hang-up that nohup keeps away stays so.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, term *terminal) int {
	term.json = slices.Contains(args, "--json") // also where the flags are wrong
	root := newRoot(term)
	root.SetArgs(args)
	root.SetOut(term.out)
	root.SetErr(term.err)
	err := root.ExecuteContext(ctx)
	var left *leftover
	var usage *install.Usage
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &left):
		return exitLeft
	case errors.Is(err, errNotHeld):
		return exitFailed
	case errors.As(err, &usage):
		term.usage(usage)
		return exitUsage
	case errors.Is(err, errDeclined):
		term.declined()
		return exitFailed
	default:
		term.failure(err)
		return exitFailed
	}
}

// leftover ends a command that has done its work and printed what is left.
type leftover struct{}

func (*leftover) Error() string { return "something is left to do" }
