package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/merge"
)

// needs: of what is put into files of the user only settings and variables belong to
// single types.
func (r *fastapi) needs(file string, p edit.Put) bool {
	switch p.Kind {
	case "env":
		return r.needsVariable(p.Key)
	case "setting":
		fields, err := r.settingsFields()
		return err != nil || slices.ContainsFunc(fields, func(f edit.Field) bool { return f.Name == p.Key })
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
	return strings.HasPrefix(file, r.emitter.authDir()+"/") || strings.HasPrefix(file, path.Join(r.project.TestsDir, "auth")+"/")
}

// detach lets Alembic run without the sign-in, where fastman has set it up: with the
// app's own models, or by itself when the engine goes as well.
func (r *fastapi) detach(gone []string) error {
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
	merged := merge.Three(merge.Python, r.emittedLast(env), r.envAsItWas(theirs), e.out[0].Content)
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

var pyImport = regexp.MustCompile(`^\s*(?:from\s+(\S+)\s+)?import\s+(.+?)\s*(?:#.*)?$`)

// uses finds the imports of modules that go, in the code that stays.
func (r *fastapi) uses(_ context.Context, gone []string) (map[string][]string, error) {
	modules := map[string]string{}
	for _, file := range gone {
		if path.Ext(file) == ".py" {
			modules[strings.TrimSuffix(r.emitter.module(file), ".__init__")] = file
		}
	}
	found := map[string][]string{}
	for _, file := range r.project.Sources {
		if slices.Contains(gone, file) {
			continue
		}
		src, err := r.plan.Read(file)
		if err != nil {
			continue // it is gone, or nobody may read it
		}
		n := 0
		for line := range strings.Lines(string(src)) {
			n++
			for _, module := range r.imported(file, strings.TrimRight(line, "\r\n")) {
				if target, used := modules[module]; used {
					found[target] = append(found[target], fmt.Sprintf("%s:%d", file, n))
				}
			}
		}
	}
	return found, nil
}

// imported are the modules that an import line may load.
func (r *fastapi) imported(file, line string) []string {
	m := pyImport.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	from := r.absolute(file, m[1])
	var modules []string
	for name := range strings.SplitSeq(strings.Trim(m[2], "( )"), ",") {
		words := strings.Fields(name)
		switch {
		case len(words) == 0:
		case m[1] == "":
			modules = append(modules, words[0])
		default:
			modules = append(modules, from+"."+words[0])
		}
	}
	if from != "" {
		modules = append(modules, from)
	}
	return slices.Compact(modules)
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
