//go:build !windows

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// session is a fastman that somebody works with at a terminal.
type session struct {
	t        *testing.T
	keyboard *os.File
	cmd      *exec.Cmd
	screen   *vt.Emulator
	output   chan []byte // closed at the end
	written  bytes.Buffer
}

// sit starts fastman in dir, at a terminal that shows all it prints.
func sit(t *testing.T, dir string, env []string, args ...string) *session {
	t.Helper()
	cmd := exec.Command("fastman-broad", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "NO_COLOR=", "ACCESSIBLE="}, env...)...)
	return begin(t, cmd)
}

func begin(t *testing.T, cmd *exec.Cmd) *session {
	t.Helper()
	keyboard := start(t, cmd)
	s := &session{t: t, keyboard: keyboard, cmd: cmd, screen: vt.NewEmulator(120, 300), output: make(chan []byte)}
	go func() { _, _ = io.Copy(keyboard, s.screen) }() // what a terminal answers when it is asked
	go func() {
		defer close(s.output)
		for {
			some := make([]byte, 4096)
			n, err := keyboard.Read(some)
			if n > 0 {
				s.output <- some[:n]
			}
			if err != nil {
				return // EIO: nobody holds the other end
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range s.output {
		}
		_, _ = keyboard.Close(), s.screen.Close()
	})
	return s
}

// start gives cmd a terminal as its own, for those of its three files that are not set.
func start(t *testing.T, cmd *exec.Cmd) *os.File {
	t.Helper()
	keyboard, line, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if cmd.Stderr == nil {
		cmd.Stderr, cmd.SysProcAttr.Ctty = line, 2
	}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.SysProcAttr.Ctty = line, 1
	}
	if cmd.Stdin == nil {
		cmd.Stdin, cmd.SysProcAttr.Ctty = line, 0
	}
	if err := errors.Join(pty.Setsize(keyboard, &pty.Winsize{Rows: 300, Cols: 120}), cmd.Start()); err != nil {
		t.Fatal(err)
	}
	return keyboard
}

// sees waits until text stands on the screen.
func (s *session) sees(text string) {
	s.t.Helper()
	late := time.After(20 * time.Second)
	for !strings.Contains(s.text(), text) {
		select {
		case some, more := <-s.output:
			if !more {
				_ = s.cmd.Wait()
				s.t.Fatalf("%q never came, but %v:\n%s", text, s.cmd.ProcessState, s.text())
			}
			s.show(some)
		case <-late:
			s.t.Fatalf("%q did not come:\n%s", text, s.text())
		}
	}
}

func (s *session) show(some []byte) {
	s.written.Write(some)
	_, _ = s.screen.Write(some)
}

func (s *session) text() string { return s.screen.String() }

// types presses keys.
func (s *session) types(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keyboard, keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end and its status.
func (s *session) ends(status int) {
	s.t.Helper()
	for some := range s.output {
		s.show(some)
	}
	_ = s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.t.Errorf("exit status %d, want %d:\n%s", got, status, s.text())
	}
}

const (
	down   = "\x1b[B"
	escape = "\x1b"
	ctrlC  = "\x03"
	ctrlD  = "\x04"
)

// goProject needs no interpreter.
func goProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/shop\n\ngo 1.26\n",
		"main.go": "package main\n\nimport (\n\t\"log\"\n\t\"net/http\"\n)\n\nfunc main() {\n\tmux := http.NewServeMux()\n\tlog.Fatal(http.ListenAndServe(\":8080\", mux))\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// left is the names in dir, to see that nothing was written.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func manifestOf(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ".fastman", "auth.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var quick = []string{"install:auth", "--no-deps", "--no-boot"}

// With the keyboard alone a user chooses types and providers, sees what would be
// written, agrees, and has it.
func TestPickAndInstall(t *testing.T) {
	dir := goProject(t)
	s := sit(t, dir, nil, quick...)
	s.sees("How will people sign in?")
	s.sees("> [x] jwt       e-mail and password")
	s.sees("  [ ] oauth     a button")
	s.types(down + " ")
	s.sees("> [x] oauth")
	s.types("\r")
	s.sees("Which providers?")
	s.sees("> [x] google")
	s.types(down + " \r")
	s.sees("would add jwt, oauth (google, github) to main.go")
	s.sees("create auth.go")
	s.sees("would add jwt, oauth (google, github) to main.go, under /auth: write it?")
	s.sees("write it?")
	if got := left(t, dir); got != "go.mod main.go" {
		t.Errorf("before the answer there is %s", got)
	}
	s.types("y")
	s.sees("added jwt, oauth (google, github) to main.go")
	s.ends(0)
	if got := manifestOf(t, dir); !regexp.MustCompile(`(?s)"jwt",\s+"oauth".*"google",\s+"github"`).MatchString(got) {
		t.Error(got)
	}
}

// Whoever leaves at any question finds the project as it was, and no error on the screen.
func TestLeaveThePicker(t *testing.T) {
	for name, keys := range map[string][]string{
		"escape at the types":     {escape},
		"Ctrl-C at the types":     {ctrlC},
		"escape at the providers": {down + " \r", "Which providers?", escape},
		"escape before writing":   {"\r", "write it?", escape},
		"Ctrl-C before writing":   {"\r", "write it?", ctrlC},
		"no to writing":           {"\r", "write it?", "n"},
		"Enter before writing":    {"\r", "write it?", "\r"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := goProject(t)
			s := sit(t, dir, nil, quick...)
			s.sees("How will people sign in?")
			for i, key := range keys {
				if i%2 == 1 {
					s.sees(key)
				} else {
					s.types(key)
				}
			}
			s.sees("all right, nothing was written")
			s.ends(1)
			if strings.Contains(s.text(), "error") {
				t.Error(s.text())
			}
			if got := left(t, dir); got != "go.mod main.go" {
				t.Errorf("there is %s", got)
			}
		})
	}
}

// A picker that is told to end writes nothing of what was marked for a start.
func TestPickerIsEnded(t *testing.T) {
	dir := goProject(t)
	s := sit(t, dir, nil, quick...)
	s.sees("> [x] jwt")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.sees("all right, nothing was written")
	s.ends(1)
	if got := left(t, dir); got != "go.mod main.go" {
		t.Errorf("there is %s", got)
	}
}

// Nothing marked is nothing to go on with: the picker says what marks a line.
func TestPickNothing(t *testing.T) {
	s := sit(t, goProject(t), nil, quick...)
	s.sees("> [x] jwt")
	s.types(" ")
	s.sees("> [ ] jwt")
	s.types("\r")
	s.sees("space marks the line that you want")
	s.types(escape)
	s.ends(1)
}

// What is installed is said and not offered again; with all of it there is no question.
func TestPickWhatIsMissing(t *testing.T) {
	dir := goProject(t)
	sit(t, dir, nil, append(quick, "--type=oauth,passkey", "--provider=google", "--ui")...).ends(0)
	s := sit(t, dir, nil, quick...)
	s.sees("(installed already: oauth (google), passkey (ui))")
	s.sees("> [ ] jwt")
	s.types(" " + down + " \r")
	s.sees("would add")
	s.sees("write it?")
	s.types("y")
	s.ends(0)
	if got := manifestOf(t, dir); !regexp.MustCompile(`(?s)"jwt",\s+"oauth".*"google",\s+"github"`).MatchString(got) {
		t.Error(got)
	}
	s = sit(t, dir, nil, quick...)
	s.ends(0)
	if !strings.Contains(s.text(), "nothing to do") || strings.Contains(s.text(), "How will") {
		t.Error(s.text())
	}
}

// The page of passkey is a line of the menu: it brings passkey, and goes alone.
func TestPickThePage(t *testing.T) {
	dir := goProject(t)
	s := sit(t, dir, nil, quick...)
	s.sees("  [ ] ui        a page for passkeys")
	s.types(" " + down + down + down + " \r")
	s.sees("would add passkey (ui) to main.go")
	s.sees("write it?")
	s.types("y")
	s.ends(0)
	s = sit(t, dir, nil, "remove:auth", "--no-deps", "--no-boot")
	s.sees("> [ ] passkey")
	s.types(down + " \r")
	s.sees("would remove passkey (ui) from main.go")
	s.sees("write it?")
	s.types("y")
	s.ends(0)
	if got := manifestOf(t, dir); !strings.Contains(got, `"passkey"`) || strings.Contains(got, `"ui"`) {
		t.Error(got)
	}
	s = sit(t, dir, nil, quick...)
	s.sees("(installed already: passkey)")
	s.sees("  [ ] ui        a page for passkeys")
	if strings.Contains(s.text(), "[ ] passkey") {
		t.Error(s.text())
	}
	s.types(escape)
	s.ends(1)
}

// remove:auth offers what is installed; of oauth a single provider can go.
func TestPickAndRemove(t *testing.T) {
	dir := goProject(t)
	sit(t, dir, nil, append(quick, "--type=jwt,oauth", "--provider=google,github")...).ends(0)
	s := sit(t, dir, nil, "remove:auth", "--no-deps", "--no-boot")
	s.sees("Which ways of signing in are to go?")
	s.sees("> [ ] jwt")
	s.types(" " + down + " \r")
	s.sees("> [ ] google")
	s.types(down + " \r")
	s.sees("would remove jwt, oauth (github)")
	s.sees("write it?")
	s.types("y")
	s.ends(0)
	if got := manifestOf(t, dir); !regexp.MustCompile(`"types": \[\s+"oauth"\s+\],\s+"providers": \[\s+"google"\s+\]`).MatchString(got) {
		t.Error(got)
	}

	s = sit(t, dir, nil, "remove:auth", "--no-deps", "--no-boot")
	s.sees("> [ ] oauth")
	s.types(" \r")
	s.sees("write it?")
	s.types("y")
	s.ends(0)
	if _, err := os.Stat(filepath.Join(dir, ".fastman")); !os.IsNotExist(err) {
		t.Error("all was chosen, and something is left")
	}
}

// With --dry-run the picker asks what would be added, and not whether to.
func TestPickDryRun(t *testing.T) {
	dir := goProject(t)
	s := sit(t, dir, nil, "install:auth", "--dry-run")
	s.sees("> [x] jwt")
	s.types("\r")
	s.ends(0)
	if !strings.Contains(s.text(), "would add jwt to main.go") || strings.Contains(s.text(), "write it?") {
		t.Error(s.text())
	}
}

// A wrong folder is told before the first question.
func TestPickerNeedsAProject(t *testing.T) {
	s := sit(t, t.TempDir(), nil, quick...)
	s.ends(1)
	if !strings.Contains(s.text(), "error") || strings.Contains(s.text(), "How will") {
		t.Error(s.text())
	}
}

// After a kill the picker says that there is something to finish or undo first.
func TestPickAfterAKill(t *testing.T) {
	dir := goProject(t)
	tmp := filepath.Join(dir, ".fastman", "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tmp, "journal.json"), []byte(`{"version":2,"label":"install:auth","state":"prepared"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sit(t, dir, nil, quick...)
	s.sees("> [x] jwt")
	s.types("\r")
	s.sees("an earlier run was stopped in its middle")
	s.types("y")
	s.sees("added jwt to main.go")
	s.ends(0)
}

// ACCESSIBLE=1 and terminals that only show lines get questions in plain text, without
// one control character.
func TestPlainPicker(t *testing.T) {
	for _, env := range []string{"ACCESSIBLE=1", "TERM=dumb"} {
		t.Run(env, func(t *testing.T) {
			dir := goProject(t)
			s := sit(t, dir, []string{"NO_COLOR=1", env}, quick...)
			s.sees("How will people sign in?")
			s.sees("1. ✓ jwt")
			s.sees("Enter a number")
			s.types("2\n")
			s.sees("2. ✓ oauth")
			s.types("0\n")
			s.sees("Which providers?")
			s.sees("1. ✓ google")
			s.types("0\n")
			s.sees("would add jwt, oauth (google) to main.go")
			s.sees("write it? [y/N]")
			s.types("y\n")
			s.sees("added jwt, oauth (google) to main.go")
			s.ends(0)
			if strings.Contains(s.written.String(), "\x1b") {
				t.Errorf("%q", s.written.String())
			}
			if got := manifestOf(t, dir); !strings.Contains(got, "google") {
				t.Error(got)
			}
		})
	}
}

// In plain mode too a user can leave at any question.
func TestLeaveThePlainPicker(t *testing.T) {
	for name, keys := range map[string][]string{
		"Ctrl-D at the types":   {ctrlD},
		"Ctrl-C at the types":   {ctrlC},
		"nothing marked":        {"1\n0\n"},
		"Ctrl-D before writing": {"0\n", "write it?", ctrlD},
		"Ctrl-C before writing": {"0\n", "write it?", ctrlC},
		"Enter before writing":  {"0\n", "write it?", "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := goProject(t)
			s := sit(t, dir, []string{"ACCESSIBLE=1"}, quick...)
			s.sees("Enter a number")
			for i, key := range keys {
				if i%2 == 1 {
					s.sees(key)
				} else {
					s.types(key)
				}
			}
			if keys[len(keys)-1] != ctrlC { // at which the system throws away what was just printed
				s.sees("all right, nothing was written")
			}
			s.ends(1)
			if got := left(t, dir); got != "go.mod main.go" {
				t.Errorf("there is %s", got)
			}
		})
	}
}

// NO_COLOR takes the colours, and leaves what is marked to be seen.
func TestPickerWithoutColour(t *testing.T) {
	s := sit(t, goProject(t), []string{"NO_COLOR=1"}, quick...)
	s.sees("> [x] jwt")
	s.types("\r")
	s.sees("write it?")
	s.types(escape)
	s.ends(1)
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]`).FindString(s.written.String()); colour != "" {
		t.Errorf("%q", colour)
	}
}

// A narrow terminal shows every option still.
func TestNarrowPicker(t *testing.T) {
	s := sit(t, goProject(t), nil, quick...)
	s.sees("> [x] jwt")
	s.screen.Resize(34, 12)
	if err := pty.Setsize(s.keyboard, &pty.Winsize{Rows: 12, Cols: 34}); err != nil {
		t.Fatal(err)
	}
	s.types(down)
	s.sees("> [ ] oauth")
	s.types(escape)
	s.ends(1)
}

// There is no picker where somebody wants no questions, and none where nobody sees it
// or can answer.
func TestNoPicker(t *testing.T) {
	dry := append(quick, "--dry-run")
	null, err := os.Open(os.DevNull) // a character device, but no terminal
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, change := range map[string]func(*exec.Cmd){
		"--yes":              func(c *exec.Cmd) { c.Args = append(c.Args, "--yes") },
		"--json":             func(c *exec.Cmd) { c.Args = append(c.Args, "--json") },
		"--type":             func(c *exec.Cmd) { c.Args = append(c.Args, "--type=jwt") },
		"stdin is /dev/null": func(c *exec.Cmd) { c.Stdin = null },
		"stdin is a pipe":    func(c *exec.Cmd) { c.Stdin = strings.NewReader("") },
		"stdout is a file":   func(c *exec.Cmd) { c.Stdout = tempFile(t) },
		"stderr is a file":   func(c *exec.Cmd) { c.Stderr = tempFile(t) },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("fastman-broad", dry...)
			cmd.Dir = goProject(t)
			change(cmd)
			s := begin(t, cmd)
			s.ends(0)
			seen := s.text() + contents(t, cmd.Stdout) + contents(t, cmd.Stderr)
			done := strings.Contains(seen, "would add jwt to main.go") || strings.Contains(seen, `"commands": [`) // JSON scrolls its beginning away
			if !done || strings.Contains(seen, "How will") {
				t.Error(seen)
			}
		})
	}
}

func tempFile(t *testing.T) *os.File {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func contents(t *testing.T, w io.Writer) string {
	f, ok := w.(*os.File)
	if !ok || filepath.Base(f.Name()) != "out" {
		return ""
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
