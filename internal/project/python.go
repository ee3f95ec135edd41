package project

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"fastman/internal/run"
)

// venvNames are the usual names, in the order in which they are tried.
var venvNames = []string{".venv", "venv", "env"}

// slowManager is how long poetry or pipenv may take to say where its environment is.
const slowManager = 30 * time.Second

// search looks for the interpreter of the project and notes where.
type search struct {
	root   string
	looked []string
	old    *OldPython
}

// findPython starts the reader on the first usable interpreter: the project's own
// virtual environment, the one that is active, the package manager's, then PATH.
// near are folders inside the project, the likeliest home of an environment first.
func findPython(ctx context.Context, root string, near []string, venvs []string, override string) (*Python, *reader, error) {
	s := &search{root: root}
	if override != "" {
		return s.result(s.try(ctx, override, ""))
	}
	for _, dir := range s.environments(near, venvs) {
		if py, r, done := s.tryVenv(ctx, dir); done {
			return s.result(py, r)
		}
	}
	for _, ask := range [][]string{{"poetry", "env", "info", "-p"}, {"pipenv", "--venv"}} {
		if dir := s.askManager(ctx, ask); dir != "" {
			if py, r, done := s.tryVenv(ctx, dir); done {
				return s.result(py, r)
			}
		}
	}
	return s.result(s.onPath(ctx))
}

func (s *search) result(py *Python, r *reader) (*Python, *reader, error) {
	switch {
	case py != nil:
		return py, r, nil
	case s.old != nil:
		return nil, nil, s.old
	}
	return nil, nil, &NoPython{Looked: s.looked}
}

// environments lists folders of virtual environments, the project's own first.
func (s *search) environments(near, found []string) []string {
	var dirs []string
	if own := os.Getenv("UV_PROJECT_ENVIRONMENT"); own != "" {
		dirs = append(dirs, s.abs(own))
	}
	for _, dir := range near {
		for _, name := range venvNames {
			dirs = append(dirs, filepath.Join(s.root, filepath.FromSlash(dir), name))
		}
		for _, venv := range found {
			if filepath.ToSlash(filepath.Dir(venv)) == dir || dir == "" && filepath.Dir(venv) == "." {
				dirs = append(dirs, filepath.Join(s.root, filepath.FromSlash(venv)))
			}
		}
	}
	if active := os.Getenv("VIRTUAL_ENV"); active != "" {
		dirs = append(dirs, active)
	}
	return append(dirs, s.workspace()...)
}

// workspace lists the environments of the folders above, up to the repository's
// root: a uv workspace has one for all its members.
func (s *search) workspace() (dirs []string) {
	for dir := s.root; ; dir = filepath.Dir(dir) {
		if dir != s.root {
			dirs = append(dirs, filepath.Join(dir, ".venv"))
		}
		if exists(filepath.Join(dir, ".git")) {
			return dirs
		}
		if filepath.Dir(dir) == dir {
			return nil // no repository: what lies above is not the project's
		}
	}
}

func (s *search) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.root, path)
}

// tryVenv tries the interpreter of a virtual environment. done is false when the
// folder is none, or is broken.
func (s *search) tryVenv(ctx context.Context, dir string) (py *Python, r *reader, done bool) {
	path := filepath.Join(dir, "bin", "python")
	if !exists(path) {
		path = filepath.Join(dir, "Scripts", "python.exe")
	}
	if !exists(path) {
		s.looked = append(s.looked, s.show(dir)+": "+absent(dir))
		return nil, nil, false
	}
	py, r = s.try(ctx, path, dir)
	return py, r, py != nil || s.old != nil
}

func absent(dir string) string {
	if exists(dir) {
		return "has no working interpreter"
	}
	return "not there"
}

func (s *search) show(path string) string {
	if inside, err := filepath.Rel(s.root, path); err == nil && filepath.IsLocal(inside) {
		return inside
	}
	return path
}

// try starts the reader on an interpreter. One that is too old is remembered.
func (s *search) try(ctx context.Context, path, venv string) (*Python, *reader) {
	r := &reader{python: path}
	hello, err := r.start(ctx)
	if err != nil {
		s.looked = append(s.looked, s.show(path)+": does not start: "+err.Error())
		return nil, nil
	}
	if !modern(hello.Version) {
		r.stop()
		if s.old == nil {
			s.old = &OldPython{Path: path, Version: hello.Version}
		}
		return nil, nil
	}
	if venv == "" {
		if hello.Path != "" {
			path = hello.Path // a shim is resolved to what it starts
		}
		venv = venvOf(path)
	}
	r.python = path
	return &Python{Path: path, Version: hello.Version, Venv: venv}, r
}

// modern reports whether a version is 3.10 or newer.
func modern(version string) bool {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return false
	}
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	return major > 3 || major == 3 && minor >= 10
}

func venvOf(python string) string {
	if dir := filepath.Dir(filepath.Dir(python)); exists(filepath.Join(dir, "pyvenv.cfg")) {
		return dir
	}
	return ""
}

// askManager asks poetry or pipenv, when the project is theirs, for its environment.
func (s *search) askManager(ctx context.Context, command []string) string {
	if !s.manages(command[0]) {
		return ""
	}
	if _, err := run.LookPath(command[0]); err != nil {
		s.looked = append(s.looked, command[0]+": not on PATH")
		return ""
	}
	result, err := run.Run(ctx, run.Spec{Args: command, Dir: s.root, Timeout: slowManager})
	dir := strings.TrimSpace(string(result.Stdout))
	if err != nil || dir == "" {
		s.looked = append(s.looked, strings.Join(command, " ")+": names no environment")
		return ""
	}
	return dir
}

func (s *search) manages(manager string) bool {
	if manager == "pipenv" {
		return exists(filepath.Join(s.root, "Pipfile"))
	}
	if exists(filepath.Join(s.root, "poetry.lock")) {
		return true
	}
	src, err := os.ReadFile(filepath.Join(s.root, "pyproject.toml"))
	return err == nil && strings.Contains(string(src), "[tool.poetry")
}

func (s *search) onPath(ctx context.Context) (*Python, *reader) {
	names := []string{"python3", "python"}
	if runtime.GOOS == "windows" {
		names = []string{"python", "py"}
	}
	for _, name := range names {
		path, err := run.LookPath(name)
		if err != nil {
			s.looked = append(s.looked, name+": not on PATH")
			continue
		}
		if py, r := s.try(ctx, path, ""); py != nil {
			return py, r
		}
	}
	return nil, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
