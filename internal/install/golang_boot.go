package install

import (
	"context"
	"errors"
	"go/ast"
	"go/token"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"fastman/internal/edit"
	"fastman/internal/run"
)

// goBuildTimeout bounds a first build: the embedded database is large.
const goBuildTimeout = 10 * time.Minute

// boot builds the program and has go vet look at what was put into it. Nothing is
// started: a program of Go does what it likes from its first line on.
func (r *golang) boot(ctx context.Context) (*booted, error) {
	r.say("building the app to check it")
	scratch, err := os.MkdirTemp("", "fastman-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	serve := r.place().serve
	if output, err := r.goCommand(ctx, "build", "-o", filepath.Join(scratch, "app"), serve); err != nil {
		return &booted{Error: output}, ctx.Err()
	}
	if output, err := r.goCommand(ctx, "vet", "./"+r.project.Dir); err != nil && r.names(output) {
		return &booted{Error: output}, ctx.Err()
	}
	b := &booted{Unmounted: Left{What: "the program builds, but " + goAuthDir + " has no endpoints", Do: "bring it back from version control: git checkout -- " + goAuthDir}}
	for _, route := range r.routes() {
		b.Routes = append(b.Routes, bootedRoute{Route: route, Ours: true})
	}
	return b, nil
}

func (r *golang) goCommand(ctx context.Context, args ...string) (string, error) {
	spec := run.Spec{Args: append([]string{"go"}, args...), Dir: r.root, Timeout: goBuildTimeout}
	if r.project.Vendored {
		spec.Env = r.deps.GoEnv()
	}
	res, err := run.Run(ctx, spec)
	var exit *run.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error(), err
	}
	return strings.TrimSpace(string(res.Stdout) + string(res.Stderr)), err
}

// names reports whether an output speaks of a file that fastman has made. What vet
// has to say of other files it said before.
func (r *golang) names(output string) bool {
	for file := range r.next.Files {
		if path.Ext(file) == ".go" && strings.Contains(filepath.ToSlash(output), file) {
			return true
		}
	}
	return false
}

// routes are the endpoints of the package as it stands in the project.
func (r *golang) routes() []Route {
	files, _ := filepath.Glob(filepath.Join(r.root, filepath.FromSlash(goAuthDir), "*.go"))
	var all []Route
	for _, file := range files {
		if src, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, "_test.go") {
			all = append(all, routesIn(src, r.Prefix)...)
		}
	}
	return all
}

// endpoints are the paths that the package will serve.
func (e *goEmitter) endpoints() []string {
	all := *e
	all.out = nil
	files, err := all.emit()
	if err != nil {
		return nil
	}
	var paths []string
	for _, f := range files {
		if path.Dir(f.Path) == goAuthDir && !strings.HasSuffix(f.Path, "_test.go") {
			for _, route := range routesIn(f.Content, e.prefix) {
				paths = append(paths, route.Path)
			}
		}
	}
	return paths
}

// routesIn reads the table of endpoints: "/me": {http.MethodGet: …}.
func routesIn(src []byte, prefix string) []Route {
	f, err := edit.ParseGo("", src)
	if err != nil {
		return nil
	}
	var all []Route
	ast.Inspect(f.AST, func(n ast.Node) bool {
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		at, isText := pair.Key.(*ast.BasicLit)
		methods, isTable := pair.Value.(*ast.CompositeLit)
		if !isText || !isTable || at.Kind != token.STRING {
			return true
		}
		below, _ := strconv.Unquote(at.Value)
		for _, element := range methods.Elts {
			if method := methodOf(element); method != "" && method != http.MethodHead { // which goes with GET
				all = append(all, Route{Method: method, Path: prefix + parameter(below)})
			}
		}
		return true
	})
	return all
}

// parameter names what stands behind a path that ends with a slash: the id of a session
// or of a passkey, or a provider.
func parameter(below string) string {
	switch {
	case !strings.HasSuffix(below, "/"):
		return below
	case below == "/sessions/":
		return below + "{session_id}"
	case below == "/passkey/credentials/":
		return below + "{credential_id}"
	}
	return below + "{provider}"
}

func methodOf(element ast.Expr) string {
	pair, ok := element.(*ast.KeyValueExpr)
	if !ok {
		return ""
	}
	if name, ok := pair.Key.(*ast.SelectorExpr); ok {
		if method, ok := strings.CutPrefix(name.Sel.Name, "Method"); ok {
			return strings.ToUpper(method)
		}
	}
	return ""
}
