package install

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"path"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/templates"
)

// isEnv reports whether a file may hold a secret: an env file that is no example.
func isEnv(file string) bool {
	return isDotenv(file) && !slices.Contains([]string{".example", ".sample", ".template", ".dist"}, path.Ext(file))
}

// isDotenv reports whether a file is an env file, an example or not.
func isDotenv(file string) bool { return strings.HasPrefix(path.Base(file), ".env") }

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
	name           string                 // of the app, as its users see it
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
		case "PASSKEY_RP_NAME":
			vars[i].Value = e.name
		}
		vars[i].Example = cmp.Or(v.Example, v.Value)
	}
	return slices.DeleteFunc(vars, func(v templates.Variable) bool { return e.leaves(v.Name) })
}

// needsVariable reports whether a variable belongs to the set as it will be. Those that
// no type brings, the key of a rotation, do while there is a set.
func (r *recipe) needsVariable(name string) bool {
	all := r.library().VariablesOf(r.library().All())
	known := slices.ContainsFunc(all, func(v templates.Variable) bool { return v.Name == name })
	needed := slices.ContainsFunc(r.library().VariablesOf(r.target()), func(v templates.Variable) bool { return v.Name == name })
	return needed || !known && !r.target().Empty()
}

// undoEnv takes the variables out of an env file that the set no longer needs and whose
// values are those that fastman wrote. A value that the user typed stays.
func (r *recipe) undoEnv(file string, src []byte, e edited) error {
	out := src
	var rest []edit.Put
	for _, p := range slices.Backward(e.Puts) {
		if r.needsVariable(p.Key) {
			rest = append(rest, p)
			continue
		}
		result := edit.DotenvRemove(out, p.Key, func(value string) bool { return hash([]byte(value)) == p.Text }, p.Old != "")
		if result.Reason != "" {
			r.report.note(file + ": " + result.Reason + ", so it stays")
		}
		out = result.Out
		if p.Key == previous {
			out = withoutRemark(out)
		}
	}
	slices.Reverse(rest)
	e.Puts = rest
	r.next.Edits[file] = e
	if len(rest) == 0 {
		delete(r.next.Edits, file)
	}
	if err := r.replace(file, src, out, e.Created && len(rest) == 0); err != nil {
		return err
	}
	r.plan.Mask(file, shownVariables...)
	return nil
}

// shownVariables hold no secret: a diff may show them.
var shownVariables = []string{"ENVIRONMENT", "DATABASE_URL", "ACCESS_TOKEN_EXPIRE_MINUTES", "PASSKEY_RP_ID", "PASSKEY_RP_NAME", "PASSKEY_ORIGIN", "PASSKEY_SESSION_EXPIRE_MINUTES"}

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
		r.plan.Mask(file, shownVariables...)
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
