package install

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/run"
)

//go:embed boot.py
var bootScript string

//go:embed migrate.py
var migrateScript string

// boot runs boot.py with scratch settings in place of the user's.
func (r *fastapi) boot(ctx context.Context) (*booted, error) {
	r.say("starting the app to check it")
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
		Args:    []string{r.deps.Python(), filepath.Join(scratch, "boot.py"), answer, module, attribute, kind, r.routesModule()},
		Dir:     filepath.Join(r.root, filepath.FromSlash(r.project.ImportRoot)),
		Env:     r.scratchEnv(scratch),
		Timeout: bootTimeout,
	})
	b, err := readAnswer[booted](answer, result, err)
	if b != nil {
		b.Unmounted = r.unmounted()
	}
	return b, err
}

// routesModule is where the routes come from.
func (r *fastapi) routesModule() string {
	if r.target().Stores() {
		return r.emitter.authModule()
	}
	return r.emitter.keycloakModule()
}

func (r *fastapi) unmounted() Left {
	do := r.keycloakImport() + "\nsetup_keycloak(" + r.project.Entry.App + ")"
	if r.target().Stores() {
		do = r.routerImport() + "\n" + r.project.Entry.App + ".include_router(auth_router)"
	}
	return Left{What: "the app starts, but the routes of " + r.routesModule() + " are not in it", Do: do}
}

// scratchEnv stands in for everything that fastman knows to point at the user's
// data, so that importing the app cannot touch it.
func (r *fastapi) scratchEnv(scratch string) []string {
	env := []string{"SECRET_KEY=" + newKey(), "SECRET_KEY_PREVIOUS=", "PYTHONDONTWRITEBYTECODE=1"}
	if driver := r.scratchDriver(); driver != "" {
		env = append(env, "DATABASE_URL="+driver+":///"+filepath.ToSlash(filepath.Join(scratch, "app.db")))
	}
	return env
}

// scratchDriver is the driver that DATABASE_URL names now, where that is one of
// SQLite's. A server's address stays: an app that is imported does not connect, and
// another driver might not be installed.
func (r *fastapi) scratchDriver() string {
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
func (r *fastapi) migrate(ctx context.Context) error {
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

func (r *fastapi) migrationEnded(m *Migration, answer *migrated) {
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
			"let target_metadata in "+r.project.Alembic.EnvPath+" be the metadata of the base class that "+r.emitter.authModule()+".models uses")
	}
}

func (r *fastapi) runMigration(ctx context.Context, m *Migration) (*migrated, error) {
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
		Args:    []string{r.deps.Python(), script, answer, path.Base(ini), m.Revision, strings.Join(keys(r.revisions()), ","), r.emitter.authModule(), r.UsersTable},
		Dir:     filepath.Join(r.root, filepath.FromSlash(path.Dir(ini))),
		Env:     []string{"PYTHONDONTWRITEBYTECODE=1"},
		Timeout: bootTimeout,
	})
	return readAnswer[migrated](answer, result, err)
}

func (r *fastapi) alembicIni() string {
	if r.project.Alembic != nil {
		return r.project.Alembic.Ini
	}
	return path.Join(r.project.ImportRoot, "alembic.ini")
}

// revision is the last of fastman's migrations, where this run has made one or an
// earlier one could not apply it.
func (r *fastapi) revision() *Migration {
	all := r.revisions()
	fresh := func(id string) bool { return r.was().Files[all[id]].Hash == "" }
	if !slices.ContainsFunc(keys(all), fresh) && !r.was().Pending {
		return nil
	}
	last := r.lastOf(all)
	return &Migration{Revision: last, File: all[last], Command: r.alembicCommand(last)}
}

// revisions are fastman's migrations in the project: id and file.
func (r *fastapi) revisions() map[string]string {
	all := map[string]string{}
	for file, m := range r.next.Files {
		if path.Dir(m.From) == path.Dir(revisionFile) {
			id, _, _ := strings.Cut(path.Base(file), "_")
			all[id] = file
		}
	}
	return all
}

// lastOf is the revision upon which no other of them follows.
func (r *fastapi) lastOf(all map[string]string) string {
	rest := maps.Clone(all)
	for _, file := range all {
		src, _ := r.plan.Read(file)
		for id := range all {
			if bytes.Contains(downRevision.Find(src), []byte(id)) {
				delete(rest, id)
			}
		}
	}
	return slices.Max(append(keys(rest), ""))
}

// alembicCommand is what a user would type in the project's folder.
func (r *fastapi) alembicCommand(revision string) string {
	dir := path.Dir(r.alembicIni())
	command := r.deps.PrefixFrom(dir) + "alembic upgrade " + revision
	if dir != "." {
		command = "cd " + dir + " && " + command
	}
	return command
}

// downgradeCommand takes the tables of the sign-in away.
func (r *fastapi) downgradeCommand() string {
	to := "base"
	if src, err := r.plan.Read(r.emitter.stands[revisionFile]); err == nil {
		if m := downRevision.Find(src); m != nil && !bytes.HasSuffix(m, []byte("None")) {
			to = strings.Trim(string(bytes.TrimPrefix(m, []byte("down_revision = "))), `"'`)
		}
	}
	dir := path.Dir(r.alembicIni())
	command := "alembic downgrade " + to
	if slices.ContainsFunc(r.deps.Removed(), func(p string) bool { return edit.PackageName(p) == "alembic" }) {
		command += ", with alembic and sqlalchemy installed and DATABASE_URL set"
	} else {
		command = r.deps.PrefixFrom(dir) + command
	}
	if dir != "." {
		command = "cd " + dir + " && " + command
	}
	return command
}

func (r *fastapi) severalHeads() bool {
	return r.project.Alembic != nil && len(r.project.Alembic.Heads) > 1
}
