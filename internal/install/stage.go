package install

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/plan"
	"fastman/templates"
)

// target is the set as it will be: what is there and what was asked for.
func (r *recipe) target() feature.Set { return r.installed().Plus(r.Types, r.Providers) }

// stageFiles plans the emitted files. On a later run of the same set they are the
// user's: an edited file stays edited, a deleted one stays deleted.
func (r *recipe) stageFiles(context.Context) (err error) {
	if r.plan, err = plan.New(r.root); err != nil {
		return err
	}
	r.plan.Label = "install:auth"
	r.next = &manifest{Format: manifestFormat, Version: r.library().Version, Stack: r.stackName,
		Types: r.target().Types(), Providers: r.target().Providers(), Prefix: r.Prefix, UsersTable: r.UsersTable,
		Files: map[string]string{}, Edits: map[string]edited{}}
	r.asCut = map[string]bool{}
	r.base = base{Files: map[string]string{}, Originals: map[string]string{}}
	if r.manifest != nil {
		r.next.Files, r.next.Edits, r.next.Packages = r.manifest.Files, r.manifest.Edits, r.manifest.Packages
		return nil
	}
	files, err := r.stack.emit()
	if err != nil {
		return err
	}
	for _, f := range files {
		r.asCut[f.Path] = f.AsCut
		if err := r.plan.Write(f.Path, nil, f.Content, 0o644); err != nil {
			return writeFailure(err)
		}
		r.next.Files[f.Path], r.base.Files[f.Path] = hash(f.Content), string(f.Content)
	}
	return nil
}

// edit plans one edit of a user's file, or leaves it to the user with the lines to paste.
func (r *recipe) edit(file string, do func(src []byte) edit.Result) error {
	src, err := r.plan.Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		src = nil
	} else if err != nil {
		return writeFailure(err)
	}
	result := do(src)
	switch result.Status {
	case edit.CannotPlace:
		r.report.left(file+": "+result.Reason, result.Snippet)
		return nil
	case edit.AlreadyThere:
		return nil
	}
	if err := r.plan.Write(file, src, result.Out, fileMode(file)); err != nil {
		return writeFailure(err)
	}
	return r.record(file, src, result)
}

// record notes in the manifest what an edit put where. Of env files it keeps the
// names only.
func (r *recipe) record(file string, before []byte, result edit.Result) error {
	e, again := r.next.Edits[file]
	if !again {
		e.Created = before == nil
		if before != nil && !isEnv(file) {
			e.Before = hash(before)
		}
	}
	if !isEnv(file) {
		e.After = hash(result.Out)
	}
	for _, p := range result.Puts {
		if isEnv(file) {
			p.Text = ""
		}
		e.Puts = append(e.Puts, p)
	}
	r.next.Edits[file] = e
	return nil
}

// isEnv reports whether a file may hold a secret: an env file that is no example.
func isEnv(file string) bool {
	return strings.HasPrefix(path.Base(file), ".env") && !slices.Contains([]string{".example", ".sample", ".template", ".dist"}, path.Ext(file))
}

// fileMode is the mode of a file that is made: nobody else reads an env file.
func fileMode(file string) fs.FileMode {
	if isEnv(file) {
		return 0o600
	}
	return 0o644
}

// environmentOf follows the names that people give their env files.
func environmentOf(file string) string {
	switch name := path.Base(file); {
	case name == ".env", name == ".env.local", strings.HasPrefix(name, ".env.dev"):
		return "development"
	case name == ".env.test":
		return "test"
	}
	return "production"
}

// envFiles are a project's.
type envFiles struct {
	live, examples []string
	fresh          string                 // the one that is made where there is none
	leaves         func(name string) bool // variables that the project has a meaning of its own for
}

// variables are what a live env file of this name gets.
func (r *recipe) variables(file string, e envFiles) []templates.Variable {
	vars := r.library().VariablesOf(r.target())
	for i, v := range vars {
		switch v.Name {
		case "ENVIRONMENT":
			vars[i].Value = environmentOf(file)
		case current:
			vars[i].Value = newKey()
		}
		vars[i].Example = cmp.Or(v.Example, v.Value)
	}
	return slices.DeleteFunc(vars, func(v templates.Variable) bool { return e.leaves(v.Name) })
}

// fillEnv gives every env file its variables. A key that is there is the user's.
func (r *recipe) fillEnv(e envFiles) error {
	files := e.live
	if len(files) == 0 {
		files = []string{e.fresh}
	}
	for _, file := range files {
		for _, v := range r.variables(file, e) {
			if err := r.edit(file, func(src []byte) edit.Result { return edit.DotenvFill(src, v.Name, v.Value) }); err != nil {
				return err
			}
		}
		r.plan.Mask(file, "ENVIRONMENT", "DATABASE_URL", "ACCESS_TOKEN_EXPIRE_MINUTES")
		r.reportPlaceholder(file)
		r.next.EnvDirs = append(r.next.EnvDirs, path.Dir(file))
	}
	slices.Sort(r.next.EnvDirs)
	r.next.EnvDirs = slices.Compact(r.next.EnvDirs)
	for _, file := range e.examples {
		for _, v := range r.variables(file, e) {
			if err := r.edit(file, func(src []byte) edit.Result { return edit.DotenvAdd(src, v.Name, v.Example) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// reportPlaceholder tells of a key with which the app will refuse to start.
func (r *recipe) reportPlaceholder(file string) {
	src, err := r.plan.Read(file)
	if err != nil {
		return
	}
	if value, ok := edit.DotenvGet(src, "SECRET_KEY"); ok && (len(value) < 32 || edit.IsPlaceholder(value)) {
		r.report.left(file+": SECRET_KEY is a placeholder or shorter than 32 bytes; the app will not start with it", "fastman generate:key")
	}
}

// wireIgnore keeps env files out of version control.
func (r *recipe) wireIgnore(context.Context) error {
	return r.edit(".gitignore", edit.GitignoreEnv)
}

// newKey makes a SECRET_KEY: 384 random bits, 64 characters.
func newKey() string {
	raw := make([]byte, 48)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// stagePackages plans what the package manager has to add.
func (r *recipe) stagePackages(ctx context.Context) (err error) {
	if r.deps, err = r.stack.packages(ctx); err != nil {
		return refusal(err)
	}
	for _, f := range r.deps.Files() {
		if err := r.edit(f.Path, func([]byte) edit.Result { return edit.Result{Out: f.New, Puts: f.Puts} }); err != nil {
			return err
		}
	}
	for _, note := range r.deps.Notes() {
		r.report.left(note, strings.Join(r.deps.Added(), "\n"))
	}
	r.next.Packages = append(r.next.Packages, r.deps.Added()...)
	for file, original := range r.deps.Originals() {
		r.base.Originals[file] = string(original)
	}
	return nil
}

// stageManifest plans fastman's own files.
func (r *recipe) stageManifest(context.Context) error {
	data, err := encode(r.next)
	if err != nil {
		return err
	}
	if err := r.write(manifestPath, data); err != nil {
		return err
	}
	if r.manifest != nil {
		return nil
	}
	if data, err = encode(r.base); err != nil {
		return err
	}
	if err := r.write(basePath, data); err != nil {
		return err
	}
	return r.write(attributesPath, []byte("* -text\n"))
}

func (r *recipe) write(file string, data []byte) error {
	old, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(file)))
	if errors.Is(err, fs.ErrNotExist) {
		old = nil
	} else if err != nil {
		return writeFailure(err)
	}
	if err := r.plan.Write(file, old, data, 0o644); err != nil {
		return writeFailure(err)
	}
	return nil
}

func keys[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func typeNames(types []feature.Type) []string {
	var names []string
	for _, t := range types {
		names = append(names, string(t))
	}
	return names
}
