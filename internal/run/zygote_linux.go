package run

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed zygote.py
var zygoteScript string

// zygotePatience is how long libraries may take to be imported, and a process to be forked.
const zygotePatience = 90 * time.Second

// Zygote is a Python interpreter that has imported the libraries of apps. What it starts
// need not import them again, which is most of what an app does before it answers.
type Zygote struct {
	process *Process
	control *net.UnixConn
	lock    sync.Mutex // of the control
}

// StartZygote starts one with the interpreter that is s.Args[0]. It dies with ctx.
func StartZygote(ctx context.Context, s Spec) (*Zygote, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	s.Args, s.files = []string{s.Args[0], "-c", zygoteScript}, []*os.File{theirs}
	process, err := Start(ctx, s)
	_ = theirs.Close()
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	go func() { _, _ = io.Copy(io.Discard, process.Stdout) }()
	return &Zygote{process: process, control: ours}, nil
}

func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(pair[0]), "")
	defer file.Close()
	theirs = os.NewFile(uintptr(pair[1]), "")
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

// Stop ends the zygote, and with it the processes that it has started.
func (z *Zygote) Stop() {
	_ = z.control.Close()
	z.process.Stop(0)
}

// Start is the package's Start for a command that is "PYTHON -m MODULE …". Standard error
// is in Stdout; there is no Stdin, and no exit status.
func (z *Zygote) Start(ctx context.Context, s Spec) (*Process, error) {
	if len(s.Args) < 3 || s.Args[1] != "-m" {
		return nil, fmt.Errorf("%q is no module of Python", s.Args)
	}
	stdout, output, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer output.Close()
	life, end, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	defer end.Close()
	pid, err := z.fork(s, output, end)
	if err != nil {
		return nil, errors.Join(err, stdout.Close(), life.Close())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	p := &Process{Stdout: stdout, pid: pid, cancel: cancel, done: make(chan struct{}), result: Result{Code: -1}}
	go p.follow(ctx, life)
	return p, nil
}

// fork returns the id of a new process, which holds the descriptors.
func (z *Zygote) fork(s Spec, output, end *os.File) (int, error) {
	request, err := json.Marshal(map[string]any{"env": variables(s), "dir": s.Dir, "args": s.Args[2:]})
	if err != nil {
		return 0, err
	}
	z.lock.Lock()
	defer z.lock.Unlock()
	if _, _, err := z.control.WriteMsgUnix(request, syscall.UnixRights(int(output.Fd()), int(end.Fd())), nil); err != nil {
		return 0, err
	}
	_ = z.control.SetReadDeadline(time.Now().Add(zygotePatience))
	answer := make([]byte, 32)
	n, err := z.control.Read(answer)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(answer[:n]))
}

// variables are all that the process has in its environment.
func variables(s Spec) map[string]string {
	all := map[string]string{}
	for _, pair := range append(without(os.Environ(), s.Unset), s.Env...) {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	return all
}

// follow waits until nobody holds the other end of life, or ends the process with ctx.
func (p *Process) follow(ctx context.Context, life *os.File) {
	defer close(p.done)
	defer life.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = life.Read(make([]byte, 1))
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		group{p.pid}.end(ended, patience(ctx))
		<-ended
	}
}
