package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/feature"
)

// needs: of what is put into files of the user some belongs to single types.
func (r *fastapi) needs(file string, p edit.Put) bool {
	switch p.Kind {
	case "env":
		return r.needsVariable(p.Key)
	case "setting":
		fields, err := r.settingsFields()
		return err != nil || slices.ContainsFunc(fields, func(f edit.Field) bool { return f.Name == p.Key })
	}
	switch brought := p.In + " " + p.Text; {
	case strings.Contains(brought, r.emitter.authModule()):
		return r.target().Stores()
	case strings.Contains(brought, r.emitter.keycloakModule()):
		return r.target().Has(feature.Keycloak)
	}
	return true
}

// remove takes pieces out of a file that was changed since: structurally where it is
// Python, by line elsewhere.
func (r *fastapi) remove(ctx context.Context, file string, src []byte, puts []edit.Put) (edit.Result, error) {
	if path.Ext(file) != ".py" {
		return edit.RemoveLines(src, puts), nil
	}
	f, err := r.project.Parse(ctx, file, src)
	if err != nil {
		return edit.Result{}, refusal(err)
	}
	return edit.RemovePy(f, puts), nil
}

// isModule: the package itself and its tests.
func (r *fastapi) isModule(file string) bool {
	return strings.HasPrefix(file, r.emitter.authDir()+"/") || strings.HasPrefix(file, r.emitter.testsDir()+"/") ||
		strings.HasPrefix(file, path.Join(r.emitter.coreDir(), "keycloak"))
}

// detach lets Alembic run without the sign-in, where fastman has set it up: with the
// app's own models, or by itself when the engine goes as well.
func (r *fastapi) detach(ctx context.Context, gone []string) error {
	env := r.emitter.stands[envFile]
	if env == "" {
		return nil
	}
	theirs, err := r.plan.Read(env)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return writeFailure(err)
	}
	variant := "variants/env_host.py"
	if engine := r.emitter.engineFile(); slices.Contains(gone, engine) {
		variant = "variants/env_left.py"
	}
	e := *r.emitter
	e.out = nil
	if err := e.add(variant, env); err != nil {
		return err
	}
	formatted, err := r.formatted(ctx, map[string][]byte{env: e.out[0].Content})
	if err != nil {
		return err
	}
	merged := r.merged(env, r.envAsItWas(theirs), formatted[env])
	if len(merged.Conflicts) > 0 {
		r.report.left(env+": you have changed it, and it imports what goes", "take the import of "+r.emitter.authModule()+" out of it")
		return nil
	}
	return r.writeFile(env, theirs, merged.Text)
}

// envAsItWas is the user's form of env.py, before a first detach.
func (r *fastapi) envAsItWas(now []byte) []byte {
	if was, err := r.onDisk(r.emitter.stands[envFile]); err == nil && was != nil {
		return was
	}
	return now
}

// farewell says what stays when everything else has gone, and how to go back.
func (r *fastapi) farewell(stay []string) string {
	return "the tables stay, and so do the migrations (" + strings.Join(stay, ", ") + "); to go back: " + r.downgradeCommand()
}

// stays: migrations are history, and with them stays what runs them.
func (r *fastapi) stays(_, from string) bool { return strings.HasPrefix(from, "alembic") }

// uses finds the imports of modules that go, and the foreign keys to their table, in
// the code that stays.
func (r *fastapi) uses(_ context.Context, gone []string) (map[string][]string, error) {
	modules := map[string]string{}
	for _, file := range gone {
		if path.Ext(file) == ".py" {
			modules[strings.TrimSuffix(r.emitter.module(file), ".__init__")] = file
		}
	}
	models := path.Join(r.emitter.authDir(), "models.py")
	found := map[string][]string{}
	for _, file := range r.project.Sources {
		if slices.Contains(gone, file) {
			continue
		}
		src, err := r.plan.Read(file)
		if err != nil {
			continue // it is gone, or nobody may read it
		}
		use := func(target string, line int) { found[target] = append(found[target], fmt.Sprintf("%s:%d", file, line)) }
		for _, m := range edit.PyMentions(src) {
			for _, target := range r.mentioned(file, m, modules) {
				use(target, m.Line)
			}
		}
		if at := r.foreignKey(src); at >= 0 && slices.Contains(gone, models) && !r.isMigration(file) {
			use(models, 1+bytes.Count(src[:at], []byte("\n")))
		}
	}
	return found, nil
}

// mentioned are the files of the modules that a piece of code may load. A string need
// not be meant so: it counts where it names a module of the sign-in, or something in one.
func (r *fastapi) mentioned(file string, m edit.Mention, modules map[string]string) []string {
	module := r.absolute(file, m.Module)
	names := []string{module}
	for _, name := range m.Names {
		names = append(names, module+"."+name)
	}
	if m.Quoted {
		names = append(names, module[:max(0, strings.LastIndexByte(module, '.'))])
	}
	var files []string
	for _, name := range names {
		target, found := modules[name]
		if found && !(m.Quoted && (path.Base(target) == "__init__.py" || !r.isModule(target))) {
			files = append(files, target)
		}
	}
	return slices.Compact(files)
}

// foreignKey finds a column that refers to the users; -1 is none.
func (r *fastapi) foreignKey(src []byte) int {
	form := regexp.MustCompile(`(?:ForeignKey\(|foreign_key\s*=)\s*["']` + regexp.QuoteMeta(r.UsersTable) + `\.\w+["']`)
	if at := form.FindIndex(src); at != nil {
		return at[0]
	}
	return -1
}

// isMigration: what a migration says of tables is about the database, where they stay.
func (r *fastapi) isMigration(file string) bool {
	return r.project.Alembic != nil && strings.HasPrefix(file, r.project.Alembic.Dir+"/")
}

// absolute resolves a relative import: each dot is a package up.
func (r *fastapi) absolute(file, module string) string {
	name := strings.TrimLeft(module, ".")
	dots := len(module) - len(name)
	if dots == 0 {
		return module
	}
	parts := strings.Split(r.emitter.module(path.Dir(file)+"/x.py"), ".")
	parts = parts[:max(0, len(parts)-dots)]
	return strings.Trim(strings.Join(append(parts, name), "."), ".")
}
