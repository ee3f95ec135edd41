package deps

import (
	"cmp"
	"context"
	"go/version"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"fastman/internal/run"
)

// Module is what is known of a Go module before its packages are looked at.
type Module struct {
	Root      string            // absolute
	GoLine    string            // "1.24.0"
	Requires  map[string]string // path to version, of its go.mod
	Replaced  map[string]bool   // by the user: their version is left alone
	Vendored  bool
	Workspace string // absolute path of a go.work, or ""
}

// NewGo plans the packages of a Go module. Need's Name is a module and its Spec
// "@v1.2.3"; Extras names the packages of it that are imported, below the module's
// path and with commas. A version that is newer stays.
func NewGo(m Module, needs []Need) *Plan {
	p := &Plan{project: Project{Root: m.Root}, module: &m,
		manager: manager{kind: goModules, root: m.Root, dir: ".", manifest: "go.mod"}}
	for _, n := range needs {
		has := m.Requires[n.Name]
		if !m.Replaced[n.Name] && (has == "" || semver.Compare(has, strings.TrimPrefix(n.Spec, "@")) < 0) {
			p.missing = append(p.missing, n)
		}
	}
	if len(p.missing) == 0 {
		return p
	}
	args := []string{"go", "get"}
	for _, n := range p.missing {
		for name := range strings.SplitSeq(n.Extras, ",") {
			args = append(args, strings.TrimSuffix(n.Name+"/"+name, "/")+n.Spec)
		}
	}
	p.add(args...)
	p.add("go", "mod", "tidy")
	return p
}

// Tidy plans the packages of a new module, which its go.mod names already.
func Tidy(root string) *Plan {
	p := &Plan{project: Project{Root: root}, module: &Module{Root: root},
		manager: manager{kind: goModules, root: root, dir: ".", manifest: "go.mod"}}
	p.add("go", "mod", "tidy")
	return p
}

// Vendor is the command that brings packages into vendor/. It is the user's to run:
// what it changes could not be undone.
const Vendor = "go mod vendor"

// goLine is what is left to run, on one line. A user's go mod tidy does more than the
// command that KeepUntidy puts in its place, and is what they know.
func (p *Plan) goLine() string {
	var words []string
	for _, c := range p.commands {
		if !c.done && c.args[1] != "list" {
			words = append(words, p.printable(c))
		}
	}
	if !slices.Contains(words, tidy) {
		words = append(words, tidy)
	}
	if p.module.Vendored {
		words = append(words, Vendor)
	}
	return strings.Join(words, " && ")
}

const tidy = "go mod tidy"

// tidyPatience bounds the look at whether a go.mod is tidy: it may download.
const tidyPatience = 2 * time.Minute

// pruned is the release from which on a go.mod lists what its packages need. An older
// one would be filled with all that any of their modules ever names.
const pruned = "go1.17"

// KeepUntidy replaces "go mod tidy" by a command that only adds, unless the go.mod is
// tidy as it stands: a tidy one stays so, and in others nothing of the user's goes.
func (p *Plan) KeepUntidy(ctx context.Context) {
	at := slices.IndexFunc(p.commands, func(c command) bool { return slices.Equal(c.args, []string{"go", "mod", "tidy"}) })
	if at < 0 || version.Compare("go"+p.module.GoLine, pruned) < 0 {
		return
	}
	_, err := run.Run(ctx, run.Spec{Args: []string{"go", "mod", "tidy", "-diff"}, Dir: p.dir(), Env: p.goEnv(), Timeout: tidyPatience})
	switch {
	case err == nil:
	case p.inWorkspace():
		p.commands = slices.Delete(p.commands, at, at+1)
	default:
		p.commands[at].args = []string{"go", "list", "-e", "-mod=mod", "-test", "-deps", "./..."}
	}
}

func (p *Plan) inWorkspace() bool { return p.module.Workspace != "" }

// goEnv lets go write go.mod whatever GOFLAGS says of it, and keeps it from asking.
func (p *Plan) goEnv() []string {
	flags := os.Getenv("GOFLAGS")
	if flags == "" {
		res, err := run.Run(context.Background(), run.Spec{Args: []string{"go", "env", "GOFLAGS"}, Dir: p.dir(), Timeout: time.Minute})
		if err == nil {
			flags = strings.TrimSpace(string(res.Stdout))
		}
	}
	kept := slices.DeleteFunc(strings.Fields(flags), func(f string) bool { return strings.HasPrefix(strings.TrimLeft(f, "-"), "mod=") })
	if !p.inWorkspace() {
		kept = append(kept, "-mod=mod")
	}
	return []string{"GOFLAGS=" + cmp.Or(strings.Join(kept, " "), " "), "GIT_TERMINAL_PROMPT=0"}
}

// GoEnv is the environment in which the module builds while vendor/ lacks packages.
func (p *Plan) GoEnv() []string { return p.goEnv() }

// goManifests are the files that the go command writes.
func (p *Plan) goManifests() []string {
	files := []string{filepath.Join(p.dir(), "go.mod"), filepath.Join(p.dir(), "go.sum")}
	if p.inWorkspace() {
		files = append(files, p.module.Workspace+".sum")
	}
	return files
}
