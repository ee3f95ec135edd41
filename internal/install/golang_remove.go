package install

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/edit"
)

// needs: the wiring serves every type, a variable its own.
func (r *golang) needs(_ string, p edit.Put) bool { return p.Kind != "env" || r.needsVariable(p.Key) }

// remove takes pieces out of a file that was changed since.
func (r *golang) remove(_ context.Context, file string, src []byte, puts []edit.Put) (edit.Result, error) {
	if path.Ext(file) != ".go" {
		return edit.RemoveLines(src, puts), nil
	}
	f, err := edit.ParseGo(file, src)
	if err != nil {
		return edit.Result{}, failure(err.Error(), "mend that, then run again")
	}
	return edit.RemoveGo(f, puts, r.emitter.names), nil
}

// isModule: the packages themselves, and what makes the sign-in of the app.
func (r *golang) isModule(file string) bool {
	return r.isPackage(file) || file == r.emitter.beside()
}

func (r *golang) isPackage(file string) bool {
	return strings.HasPrefix(file, goAuthDir+"/") || strings.HasPrefix(file, goGinDir+"/")
}

// detach has nothing to do: the migrations are run by the package itself.
func (r *golang) detach(context.Context, []string) error { return nil }

func (r *golang) farewell(stay []string) string {
	return "the tables stay, and so do the migrations (" + strings.Join(stay, ", ") + "): goose runs them backwards, down to 0"
}

// stays: migrations are history.
func (r *golang) stays(file, _ string) bool { return path.Ext(file) == ".sql" }

// uses finds the imports of packages that go, in the code that stays, files of that
// code in them, and the names of what goes from beside it.
func (r *golang) uses(_ context.Context, gone []string) (map[string][]string, error) {
	packages, names := r.packagesGone(gone), r.namesGone(gone)
	found := map[string][]string{}
	for _, f := range r.project.AllFiles() {
		src, err := r.plan.Read(f.Path)
		if err != nil || slices.Contains(gone, f.Path) {
			continue
		}
		if f, err = edit.ParseGo(f.Path, src); err != nil {
			continue
		}
		use := func(file string, line int) { found[file] = append(found[file], fmt.Sprintf("%s:%d", f.Path, line)) }
		for _, spec := range f.AST.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if file, used := packages[strings.TrimPrefix(imported, r.project.Module+"/")]; used {
				use(file, f.Line(spec))
			}
		}
		if file, used := packages[path.Dir(f.Path)]; used {
			use(file, f.Line(f.AST.Name))
		}
		if path.Dir(f.Path) == r.project.Dir {
			for _, name := range f.Undeclared() {
				if file, used := names[name.Name]; used {
					use(file, f.Line(name))
				}
			}
		}
	}
	return found, nil
}

// packagesGone are the folders of packages of which nothing stays, each with a file of
// it. A package from which only a type goes can be imported as before.
func (r *golang) packagesGone(gone []string) map[string]string {
	packages := map[string]string{}
	for _, file := range gone {
		if path.Ext(file) == ".go" && r.isPackage(file) {
			packages[path.Dir(file)] = file
		}
	}
	for file := range r.next.Files {
		if path.Ext(file) == ".go" {
			delete(packages, path.Dir(file))
		}
	}
	return packages
}

// namesGone are the names that the file beside the app's own code declares, where
// everything goes: until then fastman's own lines use them.
func (r *golang) namesGone(gone []string) map[string]string {
	names := map[string]string{}
	file := r.emitter.beside()
	if r.target().Empty() && slices.Contains(gone, file) {
		for _, name := range r.emitter.declares() {
			names[name] = file
		}
	}
	return names
}

// formatted: what is emitted has the one form of Go.
func (r *golang) formatted(_ context.Context, texts map[string][]byte) (map[string][]byte, error) {
	return texts, nil
}
