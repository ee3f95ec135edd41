package install

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/edit"
	"fastman/internal/feature"
)

func (r *fastapi) wire(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.wireRouter, r.wireKeycloak, r.wireSettings, r.wireMigrations, r.wireEnv, r.wireIgnore} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wireRouter includes the router where the app is made. A discovery of the
// original layout includes it by itself.
func (r *fastapi) wireRouter(ctx context.Context) error {
	if r.project.Entry.Discovery != nil || !r.target().Stores() {
		return nil
	}
	return r.editPython(ctx, r.project.Entry.File, func(f *edit.PyFile) edit.Result {
		return edit.IncludeRouter(f, r.project.Entry.Edit(), r.routerImport(), "auth_router")
	})
}

// wireKeycloak gives the app to what brings it Keycloak.
func (r *fastapi) wireKeycloak(ctx context.Context) error {
	if !r.target().Has(feature.Keycloak) {
		return nil
	}
	return r.editPython(ctx, r.project.Entry.File, func(f *edit.PyFile) edit.Result {
		return edit.SetUp(f, r.project.Entry.Edit(), r.keycloakImport(), "setup_keycloak")
	})
}

func (r *fastapi) keycloakImport() string {
	return "from " + r.emitter.keycloakModule() + " import setup_keycloak"
}

func (r *fastapi) routerImport() string {
	return "from " + r.emitter.authModule() + ".router import router as auth_router"
}

// wireSettings puts our fields into the project's Settings class, and lets other
// classes that read the same env file ignore the new variables.
func (r *fastapi) wireSettings(ctx context.Context) error {
	if s := r.project.Settings; !r.emitter.ownSettings() {
		fields, err := r.settingsFields()
		if err != nil {
			return err
		}
		if err := r.editPython(ctx, s.File, func(f *edit.PyFile) edit.Result { return edit.AddFields(f, s.Class, fields) }); err != nil {
			return err
		}
		if len(s.EnvFiles) == 0 && r.manifest == nil && r.target().Stores() {
			r.report.left(s.Path+": "+s.Class+" names no env file that could be found, and the app does not start without SECRET_KEY",
				`let it read one: model_config = SettingsConfigDict(env_file=".env"), or put the variables of `+r.project.NewEnvFile+" into its environment")
		}
		if s.Instance == "" {
			if err := r.addInstance(ctx); err != nil {
				return err
			}
		}
	}
	if at := r.project.Database.HiddenEngine; at != "" && r.emitter.stands[moduleFile] == "" && r.target().Stores() {
		r.report.left(at+": makes the engine where it cannot be imported; the auth module makes its own, from "+r.emitter.urlField(),
			"set "+r.emitter.urlField()+" to that same database in every env file")
	}
	for _, s := range r.project.OtherSettings {
		if !s.Forbids {
			continue
		}
		if err := r.editPython(ctx, s.File, func(f *edit.PyFile) edit.Result { return edit.IgnoreExtra(f, s.Class) }); err != nil {
			return err
		}
	}
	return nil
}

// addInstance gives settings that are only to be had from a function, or not at
// all, an importable name.
func (r *fastapi) addInstance(ctx context.Context) error {
	s := r.project.Settings
	call := s.Class + "()"
	if s.Getter != "" {
		call = s.Getter + "()"
	}
	return r.editPython(ctx, s.File, func(f *edit.PyFile) edit.Result {
		return edit.AddInstance(f, settingsInstance(s)+" = "+call)
	})
}

var fieldLine = regexp.MustCompile(`^    ([A-Z][A-Z0-9_]*): `)

// settingsFields are the fields of the template's Settings class for this set, with
// the comment lines above each.
func (r *fastapi) settingsFields() ([]edit.Field, error) {
	e := *r.emitter
	e.out = nil
	if err := e.add("app/core/config.py", "config.py"); err != nil {
		return nil, err
	}
	var fields []edit.Field
	var comments []string
	for line := range strings.Lines(string(e.out[0].Content)) {
		line = strings.TrimRight(line, "\n")
		m := fieldLine.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "    #"):
			comments = append(comments, strings.TrimSpace(line))
			continue
		case m != nil && !(m[1] == "DATABASE_URL" && (!r.ownsURL() || r.hasField("DATABASE_URL"))):
			f := edit.Field{Name: m[1], Lines: append(comments, strings.TrimSpace(line))}
			if strings.Contains(line, "SecretStr") {
				f.Imports = []edit.Import{{Module: "pydantic", Name: "SecretStr"}}
			}
			fields = append(fields, f)
		}
		comments = nil
	}
	return fields, nil
}

// ownsURL reports whether DATABASE_URL is read by code that fastman brings. A
// project with an engine of its own has its own way to say where the database is.
func (r *fastapi) ownsURL() bool {
	return r.emitter.ownDatabase() || r.emitter.engineVariant() == "engine_url.py"
}

func (r *fastapi) wireMigrations(ctx context.Context) error {
	a := r.project.Alembic
	if a == nil || slices.Contains(keys(r.next.Files), a.EnvPath) || !r.target().Stores() {
		return nil
	}
	if len(a.Heads) > 1 {
		r.report.left(fmt.Sprintf("%s has %d heads (%s); the new revision starts from none of them", a.Dir, len(a.Heads), strings.Join(a.Heads, ", ")),
			"merge them (alembic merge heads), then set down_revision in the new revision")
	}
	return r.editPython(ctx, a.Env, func(f *edit.PyFile) edit.Result {
		return edit.ImportModels(f, "import "+r.emitter.authModule()+".models")
	})
}

// editPython plans an edit of a Python file as it will be by then: a small app may
// have its settings and its routes in one file.
func (r *fastapi) editPython(ctx context.Context, f *edit.PyFile, do func(*edit.PyFile) edit.Result) error {
	src, err := r.plan.Read(f.Path)
	if err != nil {
		return writeFailure(err)
	}
	if !bytes.Equal(src, f.Src) {
		if f, err = r.project.Parse(ctx, f.Path, src); err != nil {
			return refusal(err)
		}
	}
	return r.edit(f.Path, func([]byte) edit.Result { return do(f) })
}

func (r *fastapi) field(variable string) (edit.PyField, bool) { return r.emitter.field(variable) }

func (r *fastapi) hasField(variable string) bool {
	_, found := r.field(variable)
	return found
}

// ownEnvironment reports whether the user's Settings give ENVIRONMENT a meaning of
// their own, whose values "development" might not be among.
func (r *fastapi) ownEnvironment() bool {
	f, found := r.field("ENVIRONMENT")
	return found && f.Annotation != "str"
}

// wireEnv gives the env files what this project's settings do not have a meaning of
// their own for.
func (r *fastapi) wireEnv(context.Context) error {
	return r.fillEnv(envFiles{name: r.project.Name, live: r.project.EnvFiles, examples: r.project.EnvExamples, fresh: r.project.NewEnvFile,
		leaves: func(name string) bool {
			return name == "ENVIRONMENT" && r.ownEnvironment() || name == "DATABASE_URL" && (!r.ownsURL() || r.hasField(name))
		}})
}
