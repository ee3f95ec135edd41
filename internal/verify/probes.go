package verify

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"fastman/conformance/standin"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/install"
)

// What cannot be seen from outside, the app under test is made to answer below a path of
// its own: FastAPI's is served by an app beside the user's, Go's comes into the program
// from a file that stands over one of the user's for this build.

//go:embed probes.py
var probesScript string

//go:embed probes.go.txt
var probesProgram string

const (
	// probesBelow is where the probes stand.
	probesBelow = "/fastman-verify/"
	probesName  = "fastman_verify" // of their module
	// probeMaxBytes is far above a list of routes.
	probeMaxBytes = 4 << 20
)

// addProbes puts the module that serves the user's app into the copy.
func (a *app) addProbes() error {
	roles := ""
	if a.Set.Has(feature.Keycloak) {
		roles = strings.TrimSuffix(a.Module, ".features.auth") + ".core.keycloak"
	}
	constants := ""
	for _, c := range []struct {
		name  string
		value any
	}{{"APP", a.Callable}, {"BELOW", probesBelow}, {"ROLES", roles}, {"CLIENT", standin.RealmClient}} {
		value, err := json.Marshal(c.value)
		if err != nil {
			return err
		}
		constants += fmt.Sprintf("%s = %s\n", c.name, value)
	}
	if a.IsFactory {
		constants += "IS_FACTORY = True\n"
	} else {
		constants += "IS_FACTORY = False\n"
	}
	file := filepath.Join(a.project(), filepath.FromSlash(a.ImportRoot), probesName+".py")
	return os.WriteFile(file, []byte(constants+"\n"+probesScript), 0o600)
}

// overlayProbes returns, for a build, which files stand over which of the user's. There
// are none where the middleware of the sign-in is not found.
func (a *app) overlayProbes() (map[string]string, error) {
	dir := authDir(a.Installation)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		changed := withProbes(src)
		if changed == nil {
			continue
		}
		over, probes := a.file("middleware.go"), a.file("probes.go")
		return map[string]string{file: over, filepath.Join(dir, probesName+".go"): probes},
			errors.Join(os.WriteFile(over, changed, 0o600), os.WriteFile(probes, []byte(a.probesProgram()), 0o600))
	}
	return nil, nil
}

// buildProbed builds the program with the probes in it or, where they do not fit the user's
// code, without.
func (a *app) buildProbed(ctx context.Context) error {
	over, err := a.overlayProbes()
	if err != nil {
		return err
	}
	if len(over) > 0 && a.goBuildOver(ctx, "app", over, "./"+a.Main) == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return a.goBuild(ctx, "app", "./"+a.Main)
}

// authDir is the folder of the Go package.
func authDir(i *install.Installation) string {
	return filepath.Join(i.Root, filepath.FromSlash(path.Dir(i.Files["internal/auth/bearer.go"])))
}

func (a *app) probesProgram() string {
	text := strings.NewReplacer("BELOW", probesBelow, "CLIENT", standin.RealmClient).Replace(probesProgram)
	if a.Set.Has(feature.Keycloak) {
		return text
	}
	before, rest, _ := strings.Cut(text, "\t\t// roles\n")
	_, after, _ := strings.Cut(rest, "\t\t// end\n")
	return before + after
}

// withProbes lets (a *Auth) Middleware(next) hand on to the probes first; nil where a file
// has no such method.
func withProbes(src []byte) []byte {
	f, err := edit.ParseGo("", src)
	if err != nil {
		return nil
	}
	for _, d := range f.AST.Decls {
		m, ok := d.(*ast.FuncDecl)
		if !ok || m.Name.Name != "Middleware" || m.Recv == nil || m.Body == nil || len(m.Recv.List[0].Names) != 1 ||
			m.Type.Params.NumFields() != 1 || len(m.Type.Params.List[0].Names) != 1 {
			continue
		}
		auth, next := m.Recv.List[0].Names[0].Name, m.Type.Params.List[0].Names[0].Name
		at := int(m.Body.Lbrace-f.AST.FileStart) + 1
		return []byte(string(src[:at]) + fmt.Sprintf("\n\t%[2]s = fastmanProbes(%[1]s, %[2]s)\n", auth, next) + string(src[at:]))
	}
	return nil
}

// probe asks the app under test; found is false where it has no such probe.
func probe(ctx context.Context, url, name string) (answer []byte, found bool) {
	return fetch(ctx, url+probesBelow+name)
}

func fetch(ctx context.Context, url string) (answer []byte, found bool) {
	status, answer := ask(ctx, url)
	return answer, status != 0 && status != http.StatusNotFound
}

func isMissing(ctx context.Context, url string) bool {
	status, _ := ask(ctx, url)
	return status == http.StatusNotFound
}

// ask returns 0 where no answer comes.
func ask(ctx context.Context, url string) (status int, answer []byte) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil
	}
	res, err := prober.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(res.Body, probeMaxBytes)); err != nil {
		return 0, nil
	}
	return res.StatusCode, answer
}
