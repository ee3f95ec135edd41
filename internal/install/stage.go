package install

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/deps"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/plan"
	"fastman/templates"
)

// target is the set as it will be: what is there and what was asked for.
func (r *recipe) target() feature.Set {
	if r.manifest == nil {
		return r.Types
	}
	return r.installed().Union(r.Types)
}

// stageFiles plans the emitted files. On a later run of the same set they are the
// user's: an edited file stays edited, a deleted one stays deleted.
func (r *recipe) stageFiles(context.Context) (err error) {
	if r.plan, err = plan.New(r.root); err != nil {
		return err
	}
	r.plan.Label = "install:auth"
	r.next = &manifest{Format: manifestFormat, Version: templates.Version, Stack: stack,
		Types: r.target().Types(), Prefix: r.Prefix, UsersTable: r.UsersTable,
		Files: map[string]string{}, Edits: map[string]edited{}}
	r.asCut = map[string]bool{}
	r.base = base{Files: map[string]string{}, Originals: map[string]string{}}
	if r.manifest != nil {
		r.next.Files, r.next.Edits, r.next.Packages = r.manifest.Files, r.manifest.Edits, r.manifest.Packages
		return nil
	}
	files, err := r.emit.emit()
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

// stageEdits plans the edits of the user's own files.
func (r *recipe) stageEdits(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.wireRouter, r.wireSettings, r.wireMigrations, r.wireEnv, r.wireIgnore} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wireRouter includes the router where the app is made. A discovery of the
// original layout includes it by itself.
func (r *recipe) wireRouter(ctx context.Context) error {
	if r.project.Entry.Discovery != nil {
		return nil
	}
	return r.editPython(ctx, r.project.Entry.File, func(f *edit.PyFile) edit.Result {
		return edit.IncludeRouter(f, r.project.Entry.Edit(), r.routerImport(), "auth_router")
	})
}

func (r *recipe) routerImport() string {
	return "from " + r.emit.authModule() + ".router import router as auth_router"
}

// wireSettings puts our fields into the project's Settings class, and lets other
// classes that read the same env file ignore the new variables.
func (r *recipe) wireSettings(ctx context.Context) error {
	if s := r.project.Settings; s != nil {
		fields, err := r.settingsFields()
		if err != nil {
			return err
		}
		if err := r.editPython(ctx, s.File, func(f *edit.PyFile) edit.Result { return edit.AddFields(f, s.Class, fields) }); err != nil {
			return err
		}
		if len(s.EnvFiles) == 0 && r.manifest == nil {
			r.report.left(s.Path+": "+s.Class+" names no env file that could be found, and the app does not start without SECRET_KEY",
				`let it read one: model_config = SettingsConfigDict(env_file=".env"), or put the variables of `+r.project.NewEnvFile+" into its environment")
		}
		if s.Instance == "" {
			if err := r.addInstance(ctx); err != nil {
				return err
			}
		}
	}
	if at := r.project.Database.HiddenEngine; at != "" && r.manifest == nil {
		r.report.left(at+": makes the engine where it cannot be imported; the auth module makes its own, from "+r.emit.urlField(),
			"set "+r.emit.urlField()+" to that same database in every env file")
	}
	for _, s := range r.project.OtherSettings {
		if !s.Forbids {
			continue
		}
		if err := r.editPython(ctx, s.File, func(f *edit.PyFile) edit.Result { return edit.IgnoreExtra(f, s.Class) }); err != nil {
			return err
		}
	}
	return nil
}

// addInstance gives settings that are only to be had from a function, or not at
// all, an importable name.
func (r *recipe) addInstance(ctx context.Context) error {
	s := r.project.Settings
	call := s.Class + "()"
	if s.Getter != "" {
		call = s.Getter + "()"
	}
	return r.editPython(ctx, s.File, func(f *edit.PyFile) edit.Result {
		return edit.AddInstance(f, settingsInstance(s)+" = "+call)
	})
}

var fieldLine = regexp.MustCompile(`^    ([A-Z][A-Z0-9_]*): `)

// settingsFields are the fields of the template's Settings class for this set, with
// the comment lines above each.
func (r *recipe) settingsFields() ([]edit.Field, error) {
	e := &emitter{p: r.project, set: r.target(), prefix: r.Prefix, users: r.UsersTable, exists: r.exists}
	if err := e.add("app/core/config.py", "config.py"); err != nil {
		return nil, err
	}
	var fields []edit.Field
	var comments []string
	for line := range strings.Lines(string(e.out[0].Content)) {
		line = strings.TrimRight(line, "\n")
		m := fieldLine.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "    #"):
			comments = append(comments, strings.TrimSpace(line))
			continue
		case m != nil && !(m[1] == "DATABASE_URL" && (!r.ownsURL() || r.hasField("DATABASE_URL"))):
			f := edit.Field{Name: m[1], Lines: append(comments, strings.TrimSpace(line))}
			if strings.Contains(line, "SecretStr") {
				f.Imports = []edit.Import{{Module: "pydantic", Name: "SecretStr"}}
			}
			fields = append(fields, f)
		}
		comments = nil
	}
	return fields, nil
}

// ownsURL reports whether DATABASE_URL is read by code that fastman brings. A
// project with an engine of its own has its own way to say where the database is.
func (r *recipe) ownsURL() bool {
	return r.emit.ownDatabase() || r.emit.engineVariant() == "engine_url.py"
}

func (r *recipe) wireMigrations(ctx context.Context) error {
	a := r.project.Alembic
	if a == nil || slices.Contains(keys(r.next.Files), a.EnvPath) {
		return nil
	}
	if len(a.Heads) > 1 {
		r.report.left(fmt.Sprintf("%s has %d heads (%s); the new revision starts from none of them", a.Dir, len(a.Heads), strings.Join(a.Heads, ", ")),
			"merge them (alembic merge heads), then set down_revision in the new revision")
	}
	return r.editPython(ctx, a.Env, func(f *edit.PyFile) edit.Result {
		return edit.ImportModels(f, "import "+r.emit.authModule()+".models")
	})
}

// editPython plans an edit of a Python file as it will be by then: a small app may
// have its settings and its routes in one file.
func (r *recipe) editPython(ctx context.Context, f *edit.PyFile, do func(*edit.PyFile) edit.Result) error {
	src, err := r.plan.Read(f.Path)
	if err != nil {
		return writeFailure(err)
	}
	if !bytes.Equal(src, f.Src) {
		if f, err = r.project.Parse(ctx, f.Path, src); err != nil {
			return refusal(err)
		}
	}
	return r.edit(f.Path, func([]byte) edit.Result { return do(f) })
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

// variable is one line of an env file.
type variable struct{ Key, Value, Example string }

// variables are what a live env file of this name gets.
func (r *recipe) variables(file string) []variable {
	vars := []variable{
		{"ENVIRONMENT", environmentOf(file), "production"},
		{"SECRET_KEY", newKey(), "your-secret-key-here"},
	}
	if r.ownsURL() && !r.hasField("DATABASE_URL") {
		vars = append(vars, variable{"DATABASE_URL", "sqlite:///./app.db", "sqlite:///./app.db"})
	}
	if r.target().Has(feature.JWT) {
		vars = append(vars, variable{"ACCESS_TOKEN_EXPIRE_MINUTES", "30", "30"})
	}
	return slices.DeleteFunc(vars, func(v variable) bool { return v.Key == "ENVIRONMENT" && r.ownEnvironment() })
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

// wireEnv gives every env file its variables. A key that is there is the user's.
func (r *recipe) wireEnv(context.Context) error {
	files := r.project.EnvFiles
	if len(files) == 0 {
		files = []string{r.project.NewEnvFile}
	}
	for _, file := range files {
		for _, v := range r.variables(file) {
			if err := r.edit(file, func(src []byte) edit.Result { return edit.DotenvFill(src, v.Key, v.Value) }); err != nil {
				return err
			}
		}
		r.plan.Mask(file, "ENVIRONMENT", "DATABASE_URL", "ACCESS_TOKEN_EXPIRE_MINUTES")
		r.reportPlaceholder(file)
		r.next.EnvDirs = append(r.next.EnvDirs, path.Dir(file))
	}
	slices.Sort(r.next.EnvDirs)
	r.next.EnvDirs = slices.Compact(r.next.EnvDirs)
	for _, file := range r.project.EnvExamples {
		for _, v := range r.variables(file) {
			if err := r.edit(file, func(src []byte) edit.Result { return edit.DotenvAdd(src, v.Key, v.Example) }); err != nil {
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

func (r *recipe) wireIgnore(context.Context) error {
	return r.edit(".gitignore", edit.GitignoreEnv)
}

// newKey makes a SECRET_KEY: 384 random bits, 64 characters.
func newKey() string {
	raw := make([]byte, 48)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (r *recipe) field(variable string) (edit.PyField, bool) { return r.emit.field(variable) }

func (r *recipe) hasField(variable string) bool {
	_, found := r.field(variable)
	return found
}

// ownEnvironment reports whether the user's Settings give ENVIRONMENT a meaning of
// their own, whose values "development" might not be among.
func (r *recipe) ownEnvironment() bool {
	f, found := r.field("ENVIRONMENT")
	return found && f.Annotation != "str"
}

// stagePackages plans what the package manager has to add.
func (r *recipe) stagePackages(context.Context) (err error) {
	if r.deps, err = deps.New(depsProject(r.root, r.project), needs(r.target())); err != nil {
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

func needs(set feature.Set) []deps.Need {
	var all []deps.Need
	for _, p := range templates.Packages(set) {
		all = append(all, deps.Need{Name: p.Name, Extras: p.Extras, Spec: p.Spec, Dev: p.Dev})
	}
	return all
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
