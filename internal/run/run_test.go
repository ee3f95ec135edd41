package run

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary itself is the process that is run: RUN_HELPER names its part.
func TestMain(m *testing.M) {
	switch part := os.Getenv("RUN_HELPER"); part {
	case "":
		os.Exit(m.Run())
	default:
		os.Exit(helper(part))
	}
}

func helper(part string) int {
	switch part {
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "fail":
		fmt.Println("half")
		fmt.Fprintln(os.Stderr, "no such package")
		return 3
	case "env":
		fmt.Println(os.Getenv("ADDED"), os.Getenv("DROPPED"))
	case "lines":
		fmt.Print("one\ntw")
		fmt.Fprint(os.Stderr, "err")
		fmt.Print("o\nlast")
	case "flood":
		chunk := bytes.Repeat([]byte{'x'}, 1<<20)
		for range 40 {
			_, _ = os.Stdout.Write(chunk)
		}
		fmt.Print("end")
	case "starter":
		return starter()
	case "family": // a child that outlives its parent unless the whole group ends
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "RUN_HELPER=child")
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			return 1
		}
		fmt.Println(child.Process.Pid)
		if os.Getenv("LEAVE") != "" {
			return 0
		}
		fallthrough
	case "child":
		time.Sleep(time.Minute)
	}
	return 0
}

// starter is a fastman that starts a server and goes on.
func starter() int {
	p, err := Start(context.Background(), self("child"))
	if err != nil {
		return 1
	}
	fmt.Println(p.Pid())
	time.Sleep(time.Minute)
	return 0
}

func self(part string, env ...string) Spec {
	return Spec{Args: []string{os.Args[0]}, Env: append([]string{"RUN_HELPER=" + part}, env...)}
}

// gone waits until no process pid is left (a zombie counts as gone).
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		p, err := os.FindProcess(pid)
		if err != nil || errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			return
		}
		stat, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if bytes.Contains(stat, []byte(") Z ")) {
			return
		}
	}
	t.Fatalf("process %d still runs", pid)
}

// What a program reads and writes arrives whole.
func TestRunPassesInputAndOutput(t *testing.T) {
	s := self("echo")
	s.Stdin = strings.NewReader("hello\n")
	res, err := Run(context.Background(), s)
	if err != nil || string(res.Stdout) != "hello\n" || res.Code != 0 {
		t.Fatalf("%q %d %v", res.Stdout, res.Code, err)
	}
}

// A failed program is an error that has its status and its last words.
func TestRunReportsStatus(t *testing.T) {
	res, err := Run(context.Background(), self("fail"))
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || string(exit.Stderr) != "no such package\n" {
		t.Fatalf("%v", err)
	}
	if string(res.Stdout) != "half\n" || !strings.Contains(err.Error(), "status 3") {
		t.Fatalf("%q %v", res.Stdout, err)
	}
}

// A program that is not there is told from one that failed.
func TestRunWithoutProgram(t *testing.T) {
	_, err := Run(context.Background(), Spec{Args: []string{"no-such-program-here"}})
	if !errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%v", err)
	}
}

// Variables are added and left out.
func TestRunEnvironment(t *testing.T) {
	t.Setenv("DROPPED", "secret")
	s := self("env", "ADDED=1")
	s.Unset = []string{"DROPPED"}
	if res, err := Run(context.Background(), s); err != nil || string(res.Stdout) != "1 \n" {
		t.Fatalf("%q %v", res.Stdout, err)
	}
}

// Progress shows whole lines, the unfinished last one included.
func TestProgressIsLineWise(t *testing.T) {
	var seen writes
	s := self("lines")
	s.Progress = &seen
	if _, err := Run(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	for _, w := range seen {
		if !strings.HasSuffix(w, "\n") {
			t.Errorf("not a whole line: %q", w)
		}
	}
	all := strings.Join(seen, "")
	for _, want := range []string{"one\n", "two\n", "last\n", "err\n"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %q", all, want)
		}
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

// A program that never stops talking does not fill the memory.
func TestLongOutputKeepsItsEnd(t *testing.T) {
	res, err := Run(context.Background(), self("flood"))
	if err != nil || len(res.Stdout) > keep || !bytes.HasSuffix(res.Stdout, []byte("xend")) {
		t.Fatalf("%d bytes, %v", len(res.Stdout), err)
	}
}

// A time limit ends the program and everything that it started.
func TestTimeoutEndsTheGroup(t *testing.T) {
	s := self("family")
	s.Timeout = 300 * time.Millisecond
	res, err := Run(context.Background(), s)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "too long") {
		t.Fatalf("%v", err)
	}
	gone(t, childOf(t, string(res.Stdout)))
}

func childOf(t *testing.T, line string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Ctrl-C ends the program and everything that it started.
func TestCancelEndsTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := self("family")
	s.Progress = writerFunc(func([]byte) { cancel() })
	res, err := Run(ctx, s)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	gone(t, childOf(t, string(res.Stdout)))
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// A program that leaves a child behind, which holds its output open, still ends.
func TestLeftChildDoesNotHang(t *testing.T) {
	s := self("family", "LEAVE=1")
	start := time.Now()
	res, err := Run(context.Background(), s)
	if err != nil || time.Since(start) > 20*time.Second {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
	gone(t, childOf(t, string(res.Stdout)))
}

// A started program is talked to, line by line, and ends when asked.
func TestStartTalks(t *testing.T) {
	p, err := Start(context.Background(), self("echo"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p.Stdin, "ping\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(p.Stdout).ReadString('\n'); line != "ping\n" {
		t.Fatalf("%q %v", line, err)
	}
	_ = p.Stdin.Close()
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	p.Stop(0)
}

// Stop ends a started program with its children, and may be called twice.
func TestStopEndsTheGroup(t *testing.T) {
	p, err := Start(context.Background(), self("family"))
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(p.Stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(time.Second)
	p.Stop(time.Second)
	if _, err := p.Wait(); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	gone(t, p.Pid())
	gone(t, childOf(t, line))
}

// A cancelled command starts nothing.
func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, self("echo")); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if _, err := Start(ctx, self("echo")); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
}
