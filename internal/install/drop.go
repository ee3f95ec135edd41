package install

import (
	"context"
	_ "embed"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/run"
)

//go:embed drop.py
var dropScript string

//go:embed drop.go.txt
var dropProgram string

// dropPhrase is what a user types to confirm: nothing that slips out of a hand.
const dropPhrase = "drop tables"

// dropTables drops the tables, when that was asked for and confirmed: before anything
// else changes, while the migrations and the app are whole.
func (r *recipe) dropTables(ctx context.Context) error {
	if !r.job.dropTables {
		return nil
	}
	if r.Typed == nil || r.Typed(`this drops the table "`+r.UsersTable+`" and every auth_* table with all accounts in them; type "`+dropPhrase+`" to go on:`) != dropPhrase {
		return failure("the tables were not dropped: that was not confirmed", `type "`+dropPhrase+`" when you are asked, or leave the tables: fastman remove:auth --all`)
	}
	r.say("dropping the tables")
	if err := r.stack.dropTables(ctx); err != nil {
		return failure("the tables could not be dropped: "+err.Error(), "mend that, or leave the tables: fastman remove:auth --all")
	}
	r.report.note("the tables were dropped")
	return nil
}

type dropped struct{ State, Detail string }

func (r *fastapi) dropTables(ctx context.Context) error {
	scratch, err := os.MkdirTemp("", "fastman-drop-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	answer, script := filepath.Join(scratch, "answer.json"), filepath.Join(scratch, "drop.py")
	if err := os.WriteFile(script, []byte(dropScript), 0o600); err != nil {
		return err
	}
	ini := r.alembicIni()
	result, err := run.Run(ctx, run.Spec{
		Args:    []string{r.project.Python.Path, script, answer, path.Base(ini), strings.Join(r.ownRevisions(), ","), r.UsersTable},
		Dir:     filepath.Join(r.root, filepath.FromSlash(path.Dir(ini))),
		Env:     []string{"PYTHONDONTWRITEBYTECODE=1"},
		Timeout: bootTimeout,
	})
	d, err := readAnswer[dropped](answer, result, err)
	switch {
	case err != nil:
		return err
	case d.State == "above":
		return &Failure{What: "revisions of your own stand upon fastman's: " + d.Detail}
	case d.State == "referred":
		return &Failure{What: "tables of your own refer to the users: " + d.Detail}
	case d.State != "dropped":
		return &Failure{What: lastLines(d.Detail)}
	}
	return nil
}

// ownRevisions are fastman's migrations in the project, the first one first.
func (r *fastapi) ownRevisions() []string {
	var sources, ids []string
	for source := range r.emitter.stands {
		if path.Dir(source) == path.Dir(revisionFile) {
			sources = append(sources, source)
		}
	}
	slices.Sort(sources)
	for _, source := range baseFirst(sources) {
		id, _, _ := strings.Cut(path.Base(source), "_")
		ids = append(ids, id)
	}
	return ids
}

func (r *golang) dropTables(ctx context.Context) error {
	scratch, err := os.MkdirTemp(r.root, ".fastman-drop-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	program := filepath.Join(scratch, "main.go")
	if err := os.WriteFile(program, []byte(strings.ReplaceAll(dropProgram, "MODULE", r.project.Module)), 0o600); err != nil {
		return err
	}
	spec := run.Spec{Args: []string{"go", "run", program}, Dir: r.root, Timeout: goBuildTimeout, Env: []string{"DATABASE_URL=" + r.databaseURL()}}
	if r.project.Vendored {
		spec.Env = append(spec.Env, r.deps.GoEnv()...)
	}
	result, err := run.Run(ctx, spec)
	if err != nil {
		return &Failure{What: err.Error() + "\n" + lastLines(string(result.Stderr))}
	}
	return nil
}

// databaseURL is what the app would take: the environment's, else the env file's.
func (r *golang) databaseURL() string {
	if url := os.Getenv("DATABASE_URL"); url != "" {
		return url
	}
	for _, file := range r.project.EnvFiles {
		if src, err := r.onDisk(file); err == nil && path.Base(file) == ".env" {
			url, _ := edit.DotenvGet(src, "DATABASE_URL")
			return url
		}
	}
	return ""
}
