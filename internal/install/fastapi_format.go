package install

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"fastman/internal/run"
)

const formatTimeout = 30 * time.Second

// formatted gives Python the form that ruff or black, where the project configures one
// and has it, gives it there. A file that it cannot format stays as it is.
func (r *fastapi) formatted(ctx context.Context, texts map[string][]byte) (map[string][]byte, error) {
	program := r.formatter()
	if program == "" || len(texts) == 0 {
		return texts, nil
	}
	if r.project.Formatter == "black" {
		return r.black(ctx, program, texts)
	}
	return r.ruff(ctx, program, texts)
}

// formatter is the program, in the project's environment or on PATH; "" is none.
func (r *fastapi) formatter() string {
	name := r.project.Formatter
	if name == "" {
		return ""
	}
	for _, dir := range []string{"bin", "Scripts"} {
		program := filepath.Join(r.project.Python.Venv, dir, name)
		if info, err := os.Stat(program); r.project.Python.Venv != "" && err == nil && !info.IsDir() {
			return program
		}
	}
	program, _ := run.LookPath(name)
	return program
}

// ruff reads each text with the name that it has in the project, whose settings for
// that name then hold.
func (r *fastapi) ruff(ctx context.Context, program string, texts map[string][]byte) (map[string][]byte, error) {
	files := keys(texts)
	outs := make([][]byte, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, file := range files {
		outs[i] = texts[file]
		if path.Ext(file) != ".py" {
			continue
		}
		group.Go(func() error {
			result, err := run.Run(ctx, run.Spec{Args: []string{program, "format", "--no-cache", "--quiet", "--stdin-filename", file, "-"},
				Dir: r.root, Stdin: bytes.NewReader(texts[file]), Timeout: formatTimeout})
			if err == nil {
				outs[i] = result.Stdout
			}
			return interrupted(ctx, err)
		})
	}
	err := group.Wait()
	formatted := map[string][]byte{}
	for i, file := range files {
		formatted[file] = outs[i]
	}
	return formatted, err
}

// black starts slowly, so it gets all texts at once, in a folder of their own.
func (r *fastapi) black(ctx context.Context, program string, texts map[string][]byte) (map[string][]byte, error) {
	scratch, err := os.MkdirTemp("", "fastman-format-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	files := slices.DeleteFunc(keys(texts), func(file string) bool { return path.Ext(file) != ".py" })
	for _, file := range files {
		target := filepath.Join(scratch, filepath.FromSlash(file))
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o700), os.WriteFile(target, texts[file], 0o600)); err != nil {
			return nil, err
		}
	}
	_, err = run.Run(ctx, run.Spec{Args: []string{program, "--quiet", "--config", filepath.Join(r.root, "pyproject.toml"), scratch}, Timeout: formatTimeout})
	if err := interrupted(ctx, err); err != nil {
		return nil, err
	}
	formatted := map[string][]byte{}
	for file, text := range texts {
		formatted[file] = text
		if out, err := os.ReadFile(filepath.Join(scratch, filepath.FromSlash(file))); err == nil {
			formatted[file] = out
		}
	}
	return formatted, nil
}

// interrupted is the end of the command itself; a formatter that fails changes nothing.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}
