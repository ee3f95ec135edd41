package deps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fastman/internal/plan"
	"fastman/internal/run"
)

// patience bounds one command: large wheels over a slow line.
const patience = 20 * time.Minute

// quiet keeps the tools from asking, drawing and looking for news of themselves.
var quiet = []string{
	"PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "POETRY_NO_INTERACTION=1", "PIPENV_YES=1", "PIPENV_NOSPIN=1",
	"PIPENV_VERBOSITY=-1", "UV_NO_PROGRESS=1", "NO_COLOR=1",
}

// Run runs the commands, each in the folder of the manifest. After a failure the
// manifests that a tool has changed are as before, and Commands still has what is
// left to run.
func (p *Plan) Run(ctx context.Context, say func(string)) error {
	if err := p.takeSnapshot(); err != nil {
		return err
	}
	for i := range p.commands {
		c := &p.commands[i]
		if c.done {
			continue
		}
		if err := p.runOne(ctx, *c, say); err != nil {
			return errors.Join(err, p.Undo(ctx, say))
		}
		c.done = true
	}
	return nil
}

func (p *Plan) runOne(ctx context.Context, c command, say func(string)) error {
	program, err := p.program(c.args[0])
	if err != nil {
		return err
	}
	res, err := run.Run(ctx, run.Spec{Args: append([]string{program}, c.args[1:]...), Dir: p.dir(),
		Env: p.environ(), Timeout: patience, Progress: sayLines(say)})
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.printable(c), err, lastLines(res))
	}
	return nil
}

func (p *Plan) environ() []string {
	if p.module != nil {
		return append(slices.Clone(quiet), p.goEnv()...)
	}
	return quiet
}

type sayLines func(string)

func (s sayLines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && s != nil {
			s(line)
		}
	}
	return len(b), nil
}

// lastLines is where tools say what went wrong, on the one stream or the other.
func lastLines(res run.Result) string {
	text := strings.TrimSpace(string(res.Stdout) + "\n" + string(res.Stderr))
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// manifests are the files that the manager writes by itself, but for those that this
// plan has in its Files.
func (p *Plan) manifests() []string {
	var all []string
	switch dir := p.dir(); p.manager.kind {
	case goModules:
		all = p.goManifests()
	case uv, poetry, pipenv:
		all = []string{filepath.Join(dir, path.Base(p.manager.manifest)), p.lockFile()}
	}
	return slices.DeleteFunc(all, func(file string) bool {
		return slices.ContainsFunc(p.files, func(f FileEdit) bool { return p.full(f.Path) == file })
	})
}

// lockFile is the lock of a manager that has one.
func (p *Plan) lockFile() string {
	switch p.manager.kind {
	case uv:
		return filepath.Join(p.manager.uvRoot, "uv.lock")
	case poetry:
		return filepath.Join(p.dir(), "poetry.lock")
	case pipenv:
		return filepath.Join(p.dir(), "Pipfile.lock")
	}
	return ""
}

func (p *Plan) takeSnapshot() error {
	p.snapshot = map[string][]byte{}
	for _, file := range p.manifests() {
		data, err := readManifest(file)
		if err != nil {
			return err
		}
		p.snapshot[file] = data
	}
	if p.module != nil {
		return nil
	}
	for _, venv := range []string{p.newVenv(), filepath.Join(p.manager.uvRoot, ".venv")} {
		if filepath.IsAbs(venv) && !exists(venv) {
			p.absent = append(p.absent, venv)
		}
	}
	return nil
}

// Undo gives the manifests back that a manager has changed, and installs again what was
// uninstalled. What was installed stays installed: nothing of the project names it.
func (p *Plan) Undo(ctx context.Context, say func(string)) error {
	errs := []error{p.installAgain(ctx, say)}
	p.after = map[string][]byte{}
	for file, before := range p.snapshot {
		now, err := readManifest(file)
		if err == nil {
			p.after[file] = now
			err = put(file, before, now)
		}
		errs = append(errs, err)
	}
	if p.manager.kind.editsItself() {
		p.markDone(false)
	}
	return errors.Join(errs...)
}

func (p *Plan) installAgain(ctx context.Context, say func(string)) error {
	var errs []error
	for i := range p.commands {
		if c := &p.commands[i]; c.done && c.back != nil {
			errs = append(errs, p.runOne(context.WithoutCancel(ctx), command{args: c.back}, say))
			c.done = false
		}
	}
	return errors.Join(errs...)
}

func (p *Plan) markDone(done bool) {
	for i := range p.commands {
		p.commands[i].done = done
	}
}

// Redo brings back what Undo took.
func (p *Plan) Redo(ctx context.Context, say func(string)) error {
	var errs []error
	for _, c := range p.commands {
		if !c.done && c.back != nil {
			errs = append(errs, p.runOne(ctx, c, say))
		}
	}
	for file, after := range p.after {
		now, err := readManifest(file)
		if err == nil {
			err = put(file, after, now)
		}
		errs = append(errs, err)
	}
	p.markDone(true)
	return errors.Join(errs...)
}

// Clean removes the virtual environment that Run has made in the project.
func (p *Plan) Clean() error {
	var errs []error
	for _, venv := range p.absent {
		errs = append(errs, os.RemoveAll(venv))
	}
	return errors.Join(errs...)
}

// put makes file hold want; nil is no file.
func put(file string, want, now []byte) error {
	if same(want, now) {
		return nil
	}
	return plan.ReplaceFile(file, want)
}
