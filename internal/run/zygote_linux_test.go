package run

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A forked module of Python has its own variables and folder, and ends when it is stopped.
func TestZygoteForks(t *testing.T) {
	python, err := LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	z, err := StartZygote(t.Context(), Spec{Args: []string{python}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer z.Stop()
	dir := t.TempDir()
	module := "import os, sys, time\nprint(os.environ['ADDED'], os.getcwd(), sys.argv[1], flush=True)\nif sys.argv[1] == 'stay': time.sleep(60)\n"
	if err := os.WriteFile(filepath.Join(dir, "hello.py"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"go", "stay", "go"} {
		p, err := z.Start(t.Context(), Spec{Args: []string{python, "-m", "hello", part}, Dir: dir, Env: []string{"ADDED=" + part + "s"}})
		if err != nil {
			t.Fatal(err)
		}
		output := bufio.NewReader(p.Stdout)
		line, err := output.ReadString('\n')
		if want := part + "s " + dir + " " + part; strings.TrimSpace(line) != want || err != nil {
			t.Errorf("it says %q (%v), want %q", line, err, want)
		}
		if part == "stay" {
			p.Stop(time.Second)
		}
		<-p.Done()
		if rest, _ := io.ReadAll(output); len(rest) > 0 {
			t.Errorf("it goes on: %s", rest)
		}
	}
}
