package install

import (
	"context"
	"fmt"
	"go/token"
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

// isModule: the packages themselves.
func (r *golang) isModule(file string) bool {
	return strings.HasPrefix(file, goAuthDir+"/") || strings.HasPrefix(file, goGinDir+"/")
}

// detach has nothing to do: the migrations are run by the package itself.
func (r *golang) detach([]string) error { return nil }

func (r *golang) farewell(stay []string) string {
	return "the tables stay, and so do the migrations (" + strings.Join(stay, ", ") + "): goose runs them backwards, down to 0"
}

// stays: migrations are history.
func (r *golang) stays(file, _ string) bool { return path.Ext(file) == ".sql" }

// uses finds the imports of packages that go, in the code that stays.
func (r *golang) uses(_ context.Context, gone []string) (map[string][]string, error) {
	packages := map[string]string{}
	for _, file := range gone {
		if path.Ext(file) == ".go" && strings.HasPrefix(file, "internal/") {
			packages[r.project.Module+"/"+path.Dir(file)] = file
		}
	}
	found := map[string][]string{}
	for _, f := range r.project.Files() {
		src, err := r.plan.Read(f.Path)
		if err != nil || slices.Contains(gone, f.Path) {
			continue
		}
		if f, err = edit.ParseGo(f.Path, src); err != nil {
			continue
		}
		for _, spec := range f.AST.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if file, used := packages[imported]; used {
				found[file] = append(found[file], fmt.Sprintf("%s:%d", f.Path, lineOf(src, spec.Pos())))
			}
		}
	}
	return found, nil
}

func lineOf(src []byte, pos token.Pos) int { return 1 + strings.Count(string(src[:int(pos)-1]), "\n") }

// formatted: what is emitted has the one form of Go.
func (r *golang) formatted(_ context.Context, texts map[string][]byte) (map[string][]byte, error) {
	return texts, nil
}
