//go:build !windows

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fastmanIn is the binary, as a user runs it in a folder.
func fastmanIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Args = append([]string{"fastman"}, args...)
	cmd.Dir = dir
	return cmd
}

func newShop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := fastmanIn(t, dir, "new", "shop", "--stack=go", "--type=jwt", "--yes").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "shop")
}

// Whoever closes the terminal, or the pipe that a verification writes to, finds nothing of
// it left.
func TestVerifyLosesItsTerminal(t *testing.T) {
	shop := newShop(t)
	hangUp := syscall.SIGHUP
	if signal.Ignored(hangUp) { // as under nohup, where it means nothing to a program either
		hangUp = syscall.SIGTERM
	}
	for what, lose := range map[string]func(*exec.Cmd, io.Closer) error{
		"exit status 3": func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Signal(hangUp) },
		"exit status 0": func(_ *exec.Cmd, stderr io.Closer) error { return stderr.Close() },
	} {
		temporary := t.TempDir()
		cmd := fastmanIn(t, shop, "verify:auth", "--only=^(me|token)/")
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewReader(stderr); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("it ended too early: %v", err)
			}
			if strings.Contains(line, "starting the app") {
				break
			}
		}
		if err := lose(cmd, stderr); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if have := cmd.ProcessState.String(); have != what {
			t.Errorf("%s, want %s", have, what)
		}
		if left, _ := os.ReadDir(temporary); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
}
