package verify

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fastman/conformance"
	"fastman/internal/install"
	"fastman/internal/run"
)

//go:embed migrate.py
var migrateScript string

//go:embed db.py
var databaseScript string

//go:embed db.go.txt
var databaseProgram string

// databaseDrivers are the packages that a Go project reaches its database with.
var databaseDrivers = map[conformance.Dialect]string{conformance.SQLite: "modernc.org/sqlite", conformance.Postgres: "github.com/jackc/pgx/v5/stdlib"}

const (
	// startPatience is how long an app may take to answer, or to refuse.
	startPatience = 90 * time.Second
	// buildPatience is how long a build may take that finds nothing in a cache.
	buildPatience = 10 * time.Minute
	// stopPatience is how long an app may finish what it is doing.
	stopPatience = 2 * time.Second
)

// app is the project's app, ready to be started on scratch data any number of times.
type app struct {
	*install.Installation
	args    []string // beyond what starts it anyway
	scratch string   // folder of this run
	dialect conformance.Dialect
	// databases are those of the run; nil where an app has none.
	databases scratchServer
	zygote    *run.Zygote // nil where the app is not forked from one

	lock sync.Mutex
	ends []func()
}

// project is the copy that the app runs in.
func (a *app) project() string { return filepath.Join(a.scratch, "project") }

func (a *app) file(name string) string { return filepath.Join(a.scratch, name) }

// prepare copies the project, and builds what has to be built.
func (a *app) prepare(ctx context.Context) error {
	if err := copyProject(a.Root, a.project()); err != nil {
		return &Unjudged{What: "the project could not be copied: " + err.Error(), Hint: "make it readable, and the folder for temporary files large enough"}
	}
	if a.IsGo() {
		return a.build(ctx)
	}
	if zygote, err := run.StartZygote(ctx, run.Spec{Args: []string{a.Python}, Dir: a.root(), Env: environment(a.Installation, nil), Unset: unset()}); err == nil {
		a.defers(zygote.Stop)
		a.zygote = zygote // without one, apps start as they do elsewhere
	}
	return a.addProbes()
}

// start starts a process of the app.
func (a *app) start(ctx context.Context, s run.Spec) (*run.Process, error) {
	if a.zygote != nil {
		if process, err := a.zygote.Start(ctx, s); err == nil {
			return process, nil
		}
	}
	return run.Start(ctx, s)
}

// root is where the app is imported from.
func (a *app) root() string { return filepath.Join(a.project(), filepath.FromSlash(a.ImportRoot)) }

// build makes the program, and the one that the suite talks to the database with, from
// the module where it stands: replacements and workspaces name their folders from there.
func (a *app) build(ctx context.Context) error {
	if err := a.buildProbed(ctx); err != nil || !a.Set.Stores() {
		return err
	}
	place := filepath.Join(a.Root, "internal", "fastman-verify")
	source, driver := a.file("db.go"), a.file("driver.go")
	imported := fmt.Sprintf("package main\n\nimport _ %q\n", databaseDrivers[a.dialect]) // the other may not be in the module
	if err := errors.Join(os.WriteFile(source, []byte(databaseProgram), 0o600), os.WriteFile(driver, []byte(imported), 0o600)); err != nil {
		return err
	}
	over := map[string]string{filepath.Join(place, "main.go"): source, filepath.Join(place, "driver.go"): driver}
	return a.goBuildOver(ctx, "db", over, "./internal/fastman-verify")
}

// goBuildOver is goBuild with files that stand over those of the module.
func (a *app) goBuildOver(ctx context.Context, name string, over map[string]string, args ...string) error {
	replace, err := json.Marshal(map[string]any{"Replace": over})
	if err != nil {
		return err
	}
	overlay := a.file(name + ".json")
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return err
	}
	return a.goBuild(ctx, name, append([]string{"-overlay=" + overlay}, args...)...)
}

func (a *app) goBuild(ctx context.Context, name string, args ...string) error {
	args = append([]string{"go", "build", "-buildvcs=false", "-o", a.program(name)}, args...)
	res, err := run.Run(ctx, run.Spec{Args: args, Dir: a.Root, Env: []string{"GOTMPDIR=" + a.scratch}, Timeout: buildPatience})
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return &Unjudged{What: "the app does not build", Detail: string(res.Stdout) + string(res.Stderr), Hint: "mend what the compiler names"}
}

func (a *app) program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return a.file(name)
}

// migrate makes the tables of a FastAPI app. A Go app does it when it starts.
func (a *lane) migrate(ctx context.Context) error {
	script, answer := a.file(a.name+".migrate.py"), a.file(a.name+".json")
	if err := os.WriteFile(script, []byte(migrateScript), 0o600); err != nil {
		return err
	}
	res, runErr := run.Run(ctx, run.Spec{
		Args: []string{a.Python, script, answer, path.Base(a.AlembicIni), a.Module},
		Dir:  filepath.Join(a.project(), filepath.FromSlash(path.Dir(a.AlembicIni))),
		Env:  environment(a.Installation, a.env), Unset: unset(), Timeout: startPatience,
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var result struct{ State, Detail string }
	data, err := os.ReadFile(answer)
	if err == nil {
		err = json.Unmarshal(data, &result)
	}
	switch {
	case err != nil:
		return &Unjudged{What: "the tables could not be made", Detail: string(res.Stderr) + fmt.Sprint(runErr), Hint: "mend that, then run again"}
	case result.State == "elsewhere":
		return &Unjudged{What: result.Detail + " does not take its database from DATABASE_URL, so the app cannot be run on a scratch one",
			Hint: "let the engine and alembic's env.py read DATABASE_URL, from the environment before the env file"}
	case result.State != "applied":
		return &Unjudged{What: "the tables could not be made", Detail: result.Detail, Hint: "mend that, then run again"}
	}
	return nil
}

// database is how the suite talks to a database, and makes one.
func (a *app) database(url string) run.Spec {
	args := []string{a.program("db")}
	if !a.IsGo() {
		args = []string{a.Python, "-I", "-c", databaseScript}
	}
	return run.Spec{Args: args, Dir: a.scratch, Env: []string{"DATABASE_URL=" + libpqURL(url)}}
}

// serve is the command that serves the app on a port of 127.0.0.1.
func (a *app) serve(port string) []string {
	args := a.server(port)
	for _, arg := range a.args {
		args = append(args, strings.ReplaceAll(arg, "{port}", port))
	}
	return args
}

func (a *app) server(port string) []string {
	if a.IsGo() {
		return []string{a.program("app")}
	}
	return []string{a.Python, "-m", "uvicorn", probesName + ":app", "--host", "127.0.0.1", "--port", port}
}

// boot starts a process of the app, and returns once it answers.
func (a *lane) boot(ctx context.Context, more map[string]string) (*conformance.Instance, error) {
	free, err := run.FreePort()
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(free)
	env := maps.Clone(a.env)
	maps.Copy(env, more)
	env["PORT"] = port
	output := &log{}
	process, err := a.start(context.WithoutCancel(ctx), run.Spec{
		Args: a.serve(port), Dir: a.root(),
		Env: environment(a.Installation, env), Unset: unset(), Progress: output,
	})
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(output, process.Stdout) }()
	stop := func() { process.Stop(stopPatience) }
	a.defers(stop)
	instance := &conformance.Instance{URL: "http://127.0.0.1:" + port, Output: output.String, Stop: stop}
	if err := await(ctx, process, instance); err != nil {
		stop()
		return nil, err
	}
	return instance, nil
}

// defers lets f run when the run ends.
func (a *app) defers(f func()) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.ends = append(a.ends, f)
}

// close ends what still runs, the newest first, and takes the databases and the folder of
// the run away.
func (a *app) close() (err error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, end := range slices.Backward(a.ends) {
		end()
	}
	if a.databases != nil {
		err = a.databases.close()
	}
	return errors.Join(err, os.RemoveAll(a.scratch))
}

// await polls until the app answers anything at all, ends, or takes too long.
func await(ctx context.Context, process *run.Process, instance *conformance.Instance) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-process.Done():
			return &conformance.RefusedError{Output: instance.Output()}
		case <-ctx.Done():
			return fmt.Errorf("the app does not answer at %s within %v:\n%s", instance.URL, startPatience, instance.Output())
		case <-poll.C:
			if answers(ctx, instance.URL) {
				return nil
			}
		}
	}
}

var prober = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return false
	}
	res, err := prober.Do(req)
	return err == nil && res.Body.Close() == nil
}

// log is an output that is read while it grows.
type log struct {
	lock sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.String()
}
