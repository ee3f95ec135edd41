package install_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fastman/internal/feature"
	"fastman/internal/install"
)

// goServers are programs on each router, as their documentation writes them. Each
// answers GET /ping, and nothing else.
var goServers = map[string]string{
	"nethttp": `package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}
`,
	"chi": `package main

import (
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	r := chi.NewRouter()
	r.Use(middleware.Logger)
	r.Get("/ping", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), r)
}
`,
	"gin": `package main

import (
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	r := gin.Default()
	r.GET("/ping", func(c *gin.Context) { c.Status(204) })
	r.Run("127.0.0.1:" + os.Getenv("PORT"))
}
`,
	"gin made elsewhere": `package main

import (
	"os"

	"github.com/gin-gonic/gin"
)

func setupRouter() *gin.Engine {
	r := gin.New()
	r.GET("/ping", func(c *gin.Context) { c.Status(204) })
	return r
}

func main() {
	r := setupRouter()
	r.Run("127.0.0.1:" + os.Getenv("PORT"))
}
`,
	"echo": `package main

import (
	"os"

	"github.com/labstack/echo/v4"
)

func main() {
	e := echo.New()
	e.GET("/ping", func(c echo.Context) error { return c.NoContent(204) })
	e.Logger.Fatal(e.Start("127.0.0.1:" + os.Getenv("PORT")))
}
`,
}

// goProject makes a module with that main.go, and the packages it imports.
func goProject(t *testing.T, source string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	write(t, dir, "main.go", source)
	write(t, dir, "go.mod", "module example.com/shop\n\ngo 1.26.0\n")
	goRun(t, dir, "mod", "tidy")
	return dir
}

func goRun(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func goAuth(dir string) install.AuthOptions {
	return install.AuthOptions{Common: install.Common{Dir: dir}, Types: []feature.Type{feature.JWT}, Prefix: "/auth", UsersTable: "users"}
}

// On each router one command is enough: the program builds, its go.mod is tidy, people
// sign up and in, its own routes answer as before, and the emitted tests pass.
func TestGoServers(t *testing.T) {
	for name, source := range goServers {
		t.Run(name, func(t *testing.T) {
			dir := goProject(t, source)
			report := mustInstall(t, goAuth(dir))
			if report.Status != install.StatusDone || report.Serve != "." || !strings.Contains(routes(report), "POST /auth/login") {
				t.Errorf("%s, serve %s, routes %s, left %v", report.Status, report.Serve, routes(report), report.Left)
			}
			goRun(t, dir, "mod", "tidy", "-diff")
			goRun(t, dir, "vet", "./...")
			goRun(t, dir, "test", "./...")
			signsIn(t, startGo(t, dir))
			if again := mustInstall(t, goAuth(dir)); again.Status != install.StatusNothing {
				t.Errorf("second run: %s %v", again.Status, again.Files)
			}
		})
	}
}

// startGo builds and starts the program, and returns its address.
func startGo(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "shop.exe")
	goRun(t, dir, "build", "-o", binary, ".")
	port := freePort(t)
	cmd := exec.Command(binary)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PORT="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	url := "http://127.0.0.1:" + port
	awaitAnswer(t, url)
	return url
}

// signsIn registers, signs in, and asks who is signed in.
func signsIn(t *testing.T, url string) {
	t.Helper()
	account := `{"email": "ada@example.com", "username": "ada@example.com", "password": "correct horse battery staple"}`
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/ping", "", 204},
		{"GET", "/nowhere", "", 404},
		{"GET", "/auth/me", "", 401},
		{"POST", "/auth/register", strings.Replace(account, `"username": "ada@example.com", `, "", 1), 201},
		{"POST", "/auth/login", account, 200},
	} {
		req, err := http.NewRequest(step.method, url+step.path, strings.NewReader(step.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != step.want {
			t.Errorf("%s %s: %d, want %d", step.method, step.path, res.StatusCode, step.want)
		}
	}
}

// A program that builds, and would not with the new code, gets every file back, its
// go.mod as well.
func TestGoBuildFailureUndoesEverything(t *testing.T) {
	const own = "var app struct{ trace func(*http.ServeMux) http.Handler }\n\nfunc main() {"
	source := strings.Replace(goServers["nethttp"], "func main() {", own, 1)
	dir := goProject(t, strings.Replace(source, "mux))", "app.trace(mux)))", 1))
	before := tree(t, dir)
	_, err := install.Auth(context.Background(), goAuth(dir))
	var f *install.Failure
	if !errors.As(err, &f) || !strings.Contains(f.What, "no longer builds") || !strings.Contains(f.Detail, "main.go:") {
		t.Fatalf("got %+v", err)
	}
	same(t, before, tree(t, dir))
}

// A program that did not build before is not blamed on the new code.
func TestGoProgramThatWasBrokenBefore(t *testing.T) {
	dir := goProject(t, goServers["nethttp"])
	write(t, dir, "broken.go", "package main\n\nvar x int = \"no number\"\n")
	report := mustInstall(t, goAuth(dir))
	if report.Status != install.StatusLeft || !strings.Contains(read(t, dir, "main.go"), "authn.Middleware(mux)") {
		t.Errorf("%s %v", report.Status, report.Left)
	}
}

// Another path and another table are in all of the code, and its tests pass.
func TestGoPrefixAndUsersTable(t *testing.T) {
	dir := goProject(t, goServers["nethttp"])
	o := goAuth(dir)
	o.Prefix, o.UsersTable = "/account", "people"
	report := mustInstall(t, o)
	if !strings.Contains(routes(report), "POST /account/login") {
		t.Errorf("routes %s", routes(report))
	}
	goRun(t, dir, "test", "./...")
}

// Where packages cannot be had, the files stay and one command is left.
func TestGoPackagesThatCannotBeHad(t *testing.T) {
	dir := goProject(t, goServers["nethttp"])
	before := read(t, dir, "go.mod")
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	report := mustInstall(t, goAuth(dir))
	if report.Status != install.StatusLeft || len(report.Packages.Commands) != 1 || !strings.HasPrefix(report.Packages.Commands[0], "go get ") {
		t.Errorf("%s %+v", report.Status, report.Packages)
	}
	if read(t, dir, "go.mod") != before {
		t.Error("go.mod was changed")
	}
}

// The go line is raised only when somebody says so, and then says what it is.
func TestGoLineIsAskedFor(t *testing.T) {
	dir := goProject(t, goServers["nethttp"])
	write(t, dir, "go.mod", "module example.com/shop\n\ngo 1.21\n")
	before := tree(t, dir)
	o := goAuth(dir)
	o.NoDeps, o.NoBoot = true, true
	asked := ""
	o.Ask = func(question string, _ []string) string { asked = question; return "no" }
	if _, err := install.Auth(context.Background(), o); err == nil || !strings.Contains(asked, "go.mod: go 1.21") {
		t.Errorf("got %v, asked %q", err, asked)
	}
	same(t, before, tree(t, dir))
	o.Ask = func(string, []string) string { return "yes" }
	mustInstall(t, o)
}

// A folder with both stacks asks which is meant.
func TestBothStacksAsk(t *testing.T) {
	dir := goProject(t, goServers["nethttp"])
	write(t, dir, "tool.py", "from fastapi import FastAPI\n\napp = FastAPI()\n")
	o := goAuth(dir)
	o.NoDeps, o.NoBoot = true, true
	o.Ask = func(_ string, answers []string) string { return answers[1] }
	if report := mustInstall(t, o); report.Stack != "go" {
		t.Errorf("stack %s", report.Stack)
	}
}
