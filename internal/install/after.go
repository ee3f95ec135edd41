package install

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fastman/internal/deps"
	"fastman/internal/edit"
	"fastman/internal/run"
)

//go:embed boot.py
var bootScript string

//go:embed migrate.py
var migrateScript string

// A boot that takes longer waits for something that is not there.
const bootTimeout = 60 * time.Second

// packages adds what is missing through the project's own manager. When that
// fails the files stay: one command then completes the install.
func (r *recipe) packages(ctx context.Context) error {
	if r.deps.Empty() {
		return nil
	}
	if r.NoDeps {
		r.report.Packages = packagesOf(r.deps, false)
		return nil
	}
	r.say("installing packages with " + r.deps.Manager() + ": " + strings.Join(r.deps.Added(), " "))
	err := r.deps.Run(ctx, quiet)
	r.packagesFailed = err != nil
	r.report.Packages = packagesOf(r.deps, err == nil)
	if err != nil {
		r.report.left("the packages were not installed: "+err.Error(), strings.Join(r.deps.Commands(), "\n"))
	}
	return nil
}

// quiet keeps what a package manager prints to itself; its errors come back whole.
func quiet(string) {}

func packagesOf(d *deps.Plan, installed bool) *Packages {
	p := &Packages{Manager: d.Manager(), Added: d.Added()}
	if !installed {
		p.Commands = d.Commands()
	}
	return p
}

// unbootable reports whether the app cannot be started, or was not asked to be.
func (r *recipe) unbootable() bool {
	return r.NoBoot || r.packagesFailed || r.NoDeps && !r.deps.Importable()
}

// booted is the answer of boot.py.
type booted struct {
	Routes []struct {
		Route
		Ours bool `json:"ours"`
	} `json:"routes"`
	Error string `json:"error"`
}

// boot imports the app and takes the routes from there. An app that was importable
// before and is no longer gets all its files back.
func (r *recipe) boot(ctx context.Context) error {
	if r.unbootable() {
		return nil
	}
	r.say("starting the app to check it")
	after, err := r.tryBoot(ctx)
	if err != nil {
		return r.undo(ctx, "the app could not be started for the check: "+err.Error(), "")
	}
	if after.Error != "" {
		return r.bootFailed(ctx, after.Error)
	}
	return r.mounted(ctx, after)
}

// mounted reads our URLs off the booted app, and finds what stands in their way.
func (r *recipe) mounted(ctx context.Context, b *booted) error {
	seen := map[Route]int{}
	for _, route := range b.Routes {
		seen[route.Route]++
		if route.Ours && !slices.Contains(r.report.Routes, route.Route) {
			r.report.Routes = append(r.report.Routes, route.Route)
		}
	}
	if len(r.report.Routes) == 0 && len(r.report.Left) == 0 {
		r.report.left("the app starts, but the routes of "+r.emit.authModule()+" are not in it",
			r.routerImport()+"\n"+r.project.Entry.App+".include_router(auth_router)")
	}
	for _, route := range r.report.Routes {
		if seen[route] > 1 {
			taken := r.undoWith(ctx, fmt.Sprintf("%s %s is a route of this app already", route.Method, route.Path), "",
				"put the new routes under another path: fastman install:auth --prefix=/account")
			return errors.Join(taken, r.deps.Clean())
		}
	}
	return nil
}

// bootFailed finds out whose error it is: without our files the app either starts,
// then it was ours and they stay away, or it does not, then they come back.
func (r *recipe) bootFailed(ctx context.Context, trace string) error {
	undone := r.undo(ctx, "the app no longer imports with the new code", trace)
	if len(r.plan.Changes()) == 0 {
		return undone
	}
	before, err := r.tryBoot(ctx)
	if err != nil || before.Error == "" {
		return errors.Join(undone, r.deps.Clean())
	}
	r.say("the app did not import before either; keeping the new code")
	if err := r.reapply(ctx); err != nil {
		return err
	}
	r.report.left("the app does not import, and did not before: nothing could be checked\n"+lastLines(trace),
		"mend that, then run again: fastman install:auth")
	return nil
}

func (r *recipe) reapply(ctx context.Context) (err error) {
	if r.applied, err = r.plan.Apply(ctx); err != nil {
		return writeFailure(err)
	}
	r.packagesFailed = true // what did not boot must not be migrated
	return r.deps.Redo(ctx, r.say)
}

// undo brings every file back and says why.
func (r *recipe) undo(ctx context.Context, what, detail string) error {
	return r.undoWith(ctx, what, detail, "mend what the error names, or install with --no-boot to look into it")
}

func (r *recipe) undoWith(ctx context.Context, what, detail, hint string) error {
	f := &Failure{What: what, Detail: detail, Untouched: "every file is as it was before", Hint: hint}
	if r.applied != nil {
		kept, err := r.applied.Undo()
		if err != nil {
			return writeFailure(err)
		}
		if len(kept) > 0 {
			f.Untouched = "every file is as it was before, but for those that changed meanwhile: " + strings.Join(kept, ", ")
		}
		r.applied = nil
	}
	if err := r.deps.Undo(ctx, r.say); err != nil {
		f.Untouched += "; the package manager's files could not be restored: " + err.Error()
	}
	return f
}

// tryBoot runs boot.py with scratch settings in place of the user's.
func (r *recipe) tryBoot(ctx context.Context) (*booted, error) {
	scratch, err := os.MkdirTemp("", "fastman-boot-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	answer := filepath.Join(scratch, "answer.json")
	module, attribute, _ := strings.Cut(r.project.Entry.Callable, ":")
	kind := "app"
	if r.project.Entry.IsFactory {
		kind = "factory"
	}
	if err := os.WriteFile(filepath.Join(scratch, "boot.py"), []byte(bootScript), 0o600); err != nil {
		return nil, err
	}
	result, err := run.Run(ctx, run.Spec{
		Args:    []string{r.deps.Python(), filepath.Join(scratch, "boot.py"), answer, module, attribute, kind, r.emit.authModule()},
		Dir:     filepath.Join(r.root, filepath.FromSlash(r.project.ImportRoot)),
		Env:     r.scratchEnv(scratch),
		Timeout: bootTimeout,
	})
	return readAnswer[booted](answer, result, err)
}

// scratchEnv stands in for everything that fastman knows to point at the user's
// data, so that importing the app cannot touch it.
func (r *recipe) scratchEnv(scratch string) []string {
	env := []string{"SECRET_KEY=" + newKey(), "SECRET_KEY_PREVIOUS=", "PYTHONDONTWRITEBYTECODE=1"}
	if driver := r.scratchDriver(); driver != "" {
		env = append(env, "DATABASE_URL="+driver+":///"+filepath.ToSlash(filepath.Join(scratch, "app.db")))
	}
	return env
}

// scratchDriver is the driver that DATABASE_URL names now, where that is one of
// SQLite's. A server's address stays: an app that is imported does not connect, and
// another driver might not be installed.
func (r *recipe) scratchDriver() string {
	value := os.Getenv("DATABASE_URL")
	for _, file := range slices.Backward(r.project.EnvFiles) {
		if src, err := r.plan.Read(file); err == nil && value == "" {
			value, _ = edit.DotenvGet(src, "DATABASE_URL")
		}
	}
	driver, _, _ := strings.Cut(value, ":")
	switch {
	case strings.HasPrefix(driver, "sqlite"):
		return driver
	case value == "" && r.ownsURL() && r.project.Database.HiddenEngine == "":
		return "sqlite"
	}
	return ""
}

// readAnswer decodes what a script left for us; what it printed is only of use when
// it left nothing.
func readAnswer[T any](file string, result run.Result, err error) (*T, error) {
	data, readErr := os.ReadFile(file)
	if readErr == nil {
		var answer T
		if json.Unmarshal(data, &answer) == nil {
			return &answer, nil
		}
	}
	if err == nil {
		err = errors.New("no answer")
	}
	return nil, fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(result.Stderr)))
}

// migrated is the answer of migrate.py.
type migrated struct {
	State  string   `json:"state"` // applied, not-sqlite, behind, failed
	Detail string   `json:"detail"`
	Drift  []string `json:"drift"`
}

// migrate applies our revision on SQLite, when nothing of the user's own would be
// applied with it. Else the command is printed.
func (r *recipe) migrate(ctx context.Context) error {
	m := r.revision()
	if m == nil {
		return nil
	}
	r.report.Migration = m
	if r.unbootable() || r.severalHeads() {
		return nil
	}
	r.say("applying the migration")
	answer, err := r.runMigration(ctx, m)
	if err != nil {
		r.report.left("the migration could not be run: "+err.Error(), m.Command)
		return nil
	}
	r.migrationEnded(m, answer)
	return nil
}

func (r *recipe) migrationEnded(m *Migration, answer *migrated) {
	switch answer.State {
	case "applied":
		m.Applied, m.Command = true, ""
	case "behind":
		r.report.left("the database still lacks revisions of your own ("+answer.Detail+"), so nothing was applied", m.Command)
	case "not-sqlite":
		r.report.left("the migration is yours to apply: the database is "+answer.Detail, m.Command)
	default:
		r.report.left("the migration failed: "+lastLines(answer.Detail), m.Command)
	}
	if len(answer.Drift) > 0 {
		r.report.left("the next autogenerate would propose changes to tables of the auth module:\n"+strings.Join(answer.Drift, "\n"),
			"let target_metadata in "+r.project.Alembic.EnvPath+" be the metadata of the base class that "+r.emit.authModule()+".models uses")
	}
}

func (r *recipe) runMigration(ctx context.Context, m *Migration) (*migrated, error) {
	scratch, err := os.MkdirTemp("", "fastman-migrate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	answer, script := filepath.Join(scratch, "answer.json"), filepath.Join(scratch, "migrate.py")
	if err := os.WriteFile(script, []byte(migrateScript), 0o600); err != nil {
		return nil, err
	}
	ini := r.alembicIni()
	result, err := run.Run(ctx, run.Spec{
		Args:    []string{r.deps.Python(), script, answer, path.Base(ini), m.Revision, r.emit.authModule(), r.UsersTable},
		Dir:     filepath.Join(r.root, filepath.FromSlash(path.Dir(ini))),
		Env:     []string{"PYTHONDONTWRITEBYTECODE=1"},
		Timeout: bootTimeout,
	})
	return readAnswer[migrated](answer, result, err)
}

func (r *recipe) alembicIni() string {
	if r.project.Alembic != nil {
		return r.project.Alembic.Ini
	}
	return path.Join(r.project.ImportRoot, "alembic.ini")
}

// revision finds our revision among the emitted files.
func (r *recipe) revision() *Migration {
	for _, file := range keys(r.next.Files) {
		if path.Dir(file) != r.emit.versionsDir() || !strings.HasSuffix(file, "_auth.py") {
			continue
		}
		id := strings.TrimSuffix(path.Base(file), "_auth.py")
		return &Migration{Revision: id, File: file, Command: r.alembicCommand(id)}
	}
	return nil
}

// alembicCommand is what a user would type in the project's folder.
func (r *recipe) alembicCommand(revision string) string {
	dir := path.Dir(r.alembicIni())
	command := r.deps.PrefixFrom(dir) + "alembic upgrade " + revision
	if dir != "." {
		command = "cd " + dir + " && " + command
	}
	return command
}

func (r *recipe) severalHeads() bool {
	return r.project.Alembic != nil && len(r.project.Alembic.Heads) > 1
}
