package install

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"fastman/internal/cut"
	"fastman/internal/edit"
	"fastman/internal/feature"
	"fastman/internal/project"
	"fastman/templates"
)

// emitter cuts the template for a set and fits it to one project.
type emitter struct {
	templates *templates.Library
	p         *project.Project
	set       feature.Set
	prefix    string // "/auth"
	users     string // name of the users table
	exists    func(path string) bool
	stands    map[string]string             // template of each file that an earlier run made: the file
	isOurs    func(file, field string) bool // reports whether an earlier run has put a field there

	out []emitted
}

// emit returns every file that belongs to the set in this project. Files that the
// project has its own form of (settings, database, migrations) are left out, and
// the imports of the others point at the project's.
func (e *emitter) emit() ([]emitted, error) {
	steps := []func() error{e.packages, e.settings, e.database, e.keycloak, e.feature, e.migrations, e.tests}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return e.out, nil
}

// packages emits the __init__.py of folders that are made now.
func (e *emitter) packages() error {
	for _, folder := range []string{"", "core", "features"} {
		source := path.Join("app", folder, "__init__.py")
		target := path.Join(e.p.PackageDir, folder, "__init__.py")
		needed := folder == "features" || folder == "" && e.p.NewPackage || folder == "core" && e.usesCore()
		stands := e.stands[source]
		if stands == "" && !(needed && !e.exists(path.Dir(target))) {
			continue
		}
		if err := e.add(source, cmp.Or(stands, target)); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) usesCore() bool {
	return e.ownSettings() || e.set.Stores() && e.ownDatabase() || e.set.Has(feature.Keycloak)
}

// Templates of what a project may have its own form of. What a first run has made
// stays, whatever the project has come to hold since.
const (
	settingsFile = "app/core/config.py"
	databaseFile = "app/core/database.py"
	alembicFile  = "alembic.ini"
	envFile      = "alembic/env.py"
	revisionFile = "alembic/versions/4c1d0a7be52f_auth.py" // of every set that has tables
	moduleFile   = "app/features/auth/__init__.py"

	keycloakPrefix = "app/core/keycloak"
	keycloakFile   = "app/core/keycloak.py"
	keycloakAlone  = "variants/keycloak_alone.py" // stands in for it where there are no users
)

func (e *emitter) ownSettings() bool { return e.p.Settings == nil || e.stands[settingsFile] != "" }

func (e *emitter) settings() error {
	if !e.ownSettings() {
		return nil
	}
	return e.add(settingsFile, e.configPath())
}

// configPath is the contract's app/core/config.py, or a module of our own where
// the project has other things under that name.
func (e *emitter) configPath() string {
	if stands := e.stands[settingsFile]; stands != "" {
		return stands
	}
	core := path.Join(e.p.PackageDir, "core")
	if target := path.Join(core, "config.py"); !e.exists(target) && !e.exists(core+".py") {
		return target
	}
	return path.Join(e.authDir(), "settings.py")
}

// ownDatabase reports whether the project has no database code at all, so that it
// gets a module of its own in the usual place.
func (e *emitter) ownDatabase() bool {
	if e.stands[revisionFile] != "" {
		return e.stands[databaseFile] != ""
	}
	db := e.p.Database
	core := path.Join(e.p.PackageDir, "core")
	return db.Base == nil && db.Engine == nil && db.Async == nil && !db.SQLModel &&
		!e.exists(path.Join(core, "database.py")) && !e.exists(core+".py")
}

func (e *emitter) database() error {
	if !e.set.Stores() {
		return nil
	}
	if e.ownDatabase() {
		return e.add(databaseFile, path.Join(e.p.PackageDir, "core", "database.py"))
	}
	if variant := e.baseVariant(); variant != "" {
		if err := e.add("variants/"+variant, path.Join(e.authDir(), "base.py")); err != nil {
			return err
		}
	}
	if variant := e.engineVariant(); variant != "" {
		return e.add("variants/"+variant, path.Join(e.authDir(), "engine.py"))
	}
	return nil
}

// baseVariant names the declarative base that has to be made; "" when the
// project's own can be subclassed as it is.
func (e *emitter) baseVariant() string {
	if e.stands[revisionFile] != "" {
		return e.standing("base_")
	}
	db := e.p.Database
	switch {
	case db.Base == nil && db.SQLModel:
		return "base_sqlmodel.py"
	case db.Base == nil:
		return "base_new.py"
	case !db.BaseIsBare || e.p.UserClass != "":
		return "base_own.py"
	}
	return ""
}

// standing is the variant that an earlier run has chosen.
func (e *emitter) standing(kind string) string {
	for source := range e.stands {
		if name, found := strings.CutPrefix(source, "variants/"); found && strings.HasPrefix(name, kind) {
			return name
		}
	}
	return ""
}

func (e *emitter) engineVariant() string {
	if e.stands[revisionFile] != "" {
		return e.standing("engine_")
	}
	db := e.p.Database
	switch {
	case db.Engine != nil:
		return ""
	case db.Async != nil:
		return "engine_async.py"
	}
	return "engine_url.py"
}

// keycloak emits the modules that read Keycloak's tokens.
func (e *emitter) keycloak() error {
	names, err := e.templates.Tree(fastapiStack, "app/core")
	if err != nil {
		return err
	}
	for _, name := range append(names, keycloakAlone) {
		target := path.Base(name)
		switch {
		case name == keycloakAlone:
			target = path.Base(keycloakFile)
		case !strings.HasPrefix(name, keycloakPrefix):
			continue
		}
		if err := e.add(name, path.Join(e.coreDir(), target)); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) coreDir() string { return path.Join(e.p.PackageDir, "core") }

func (e *emitter) keycloakModule() string { return e.p.Package + ".core.keycloak" }

// feature emits the auth module itself.
func (e *emitter) feature() error {
	return e.tree("app/features/auth", e.authDir())
}

func (e *emitter) migrations() error {
	if !e.set.Stores() {
		return nil
	}
	left, err := e.templates.Read(fastapiStack, "variants/env_left.py")
	if err != nil {
		return err
	}
	if e.p.Alembic == nil || e.stands[alembicFile] != "" || e.p.Alembic.Env != nil && hash(e.p.Alembic.Env.Src) == hash(left) {
		for _, name := range []string{alembicFile, envFile, "alembic/script.py.mako"} {
			if err := e.add(name, path.Join(e.p.ImportRoot, name)); err != nil {
				return err
			}
			if name == envFile {
				e.out[len(e.out)-1].Left = left
			}
		}
	}
	return e.revisions()
}

// revisions emits the migrations. Those that are new form a chain onto the project's
// head of the day; the others are history.
func (e *emitter) revisions() error {
	names, err := e.templates.Tree(fastapiStack, "alembic/versions")
	if err != nil {
		return err
	}
	down := e.head()
	for _, name := range baseFirst(names) {
		target := cmp.Or(e.stands[name], path.Join(e.versionsDir(), path.Base(name)))
		before := len(e.out)
		if err := e.add(name, target); err != nil {
			return err
		}
		for i := before; i < len(e.out); i++ { // none where the set has no use for it
			e.out[i].Once = true
			if !e.exists(target) {
				e.out[i].Content, e.out[i].AsCut = chained(e.out[i].Content, down), e.out[i].AsCut && down == ""
				down, _, _ = strings.Cut(path.Base(name), "_")
			}
		}
	}
	return nil
}

// baseFirst puts the revision that owns the users in front: the others refer to it.
func baseFirst(names []string) []string {
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, revisionFile), strings.TrimPrefix(b, revisionFile))
	})
	return names
}

var (
	downRevision = regexp.MustCompile(`(?m)^down_revision = .*$`)
	revises      = regexp.MustCompile(`(?m)^Revises:.*$`)
)

// chained makes a revision follow upon another; "" is none.
func chained(text []byte, down string) []byte {
	value := "None"
	if down != "" {
		value = fmt.Sprintf("%q", down)
	}
	text = downRevision.ReplaceAll(text, []byte("down_revision = "+value))
	return revises.ReplaceAll(text, []byte(strings.TrimRight("Revises: "+down, " ")))
}

func (e *emitter) tests() error { return e.tree("tests/auth", e.testsDir()) }

// testsDir is where the tests stand, or a folder that hides no module of the project's
// tests.
func (e *emitter) testsDir() string {
	if stands := e.stands["tests/auth/__init__.py"]; stands != "" {
		return path.Dir(stands)
	}
	dir := path.Join(e.p.TestsDir, "auth")
	if e.exists(dir) || e.exists(dir+".py") {
		return path.Join(e.p.TestsDir, "fastman_auth")
	}
	return dir
}

func (e *emitter) tree(source, target string) error {
	names, err := e.templates.Tree(fastapiStack, source)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.add(name, target+strings.TrimPrefix(name, source)); err != nil {
			return err
		}
	}
	return nil
}

// add cuts one template file and puts it at target, unless the set has no use for it.
func (e *emitter) add(source, target string) error {
	src, err := e.templates.Read(fastapiStack, source)
	if err != nil {
		return err
	}
	out, keep, err := cut.File(source, src, e.set)
	if err != nil || !keep {
		return err
	}
	fitted := out
	switch path.Ext(source) {
	case ".txt", ".html", ".css":
	case ".js":
		fitted = fitScript(out, e.mountPrefix()+e.prefix)
	default:
		fitted = []byte(e.fit(target, string(out)))
	}
	e.out = append(e.out, emitted{Path: target, From: source, Content: fitted, AsCut: bytes.Equal(out, fitted)})
	return nil
}

// fitScript tells a script of where the endpoints stand.
func fitScript(text []byte, prefix string) []byte {
	return bytes.ReplaceAll(text, []byte(`"/auth"`), fmt.Appendf(nil, "%q", prefix))
}

func (e *emitter) authDir() string { return path.Join(e.p.PackageDir, "features", "auth") }

func (e *emitter) authModule() string { return e.p.Package + ".features.auth" }

func (e *emitter) versionsDir() string {
	if e.p.Alembic != nil {
		return e.p.Alembic.Versions
	}
	return path.Join(e.p.ImportRoot, "alembic", "versions")
}

var parents = regexp.MustCompile(`\.parents\[\d+\]`)

// fit points the template's imports and literals at this project. Each pattern is
// a whole import line or a quoted literal, so that no other text can be meant.
func (e *emitter) fit(target, text string) string {
	text = strings.NewReplacer(
		"settings.DATABASE_URL", "settings."+e.urlField(),
		"from app.core.config import settings", e.importAs(e.settingsName(), "settings"),
		"from app.core.database import Base as ProjectBase", e.importAs(e.projectBase(), "ProjectBase"),
		"from app.core.database import Base", e.importAs(e.baseName(), "Base"),
		"from app.core.database import engine", e.importAs(e.engineName(), "engine"),
		"from app.core.database import async_engine", e.importAs(e.asyncName(), "async_engine"),
		"from app.main import app\n", e.importAs(project.Name{Module: e.p.Entry.Module, Name: e.p.Entry.App}, "app")+"\n",
		"from app.", "from "+e.p.Package+".",
		"import app.", "import "+e.p.Package+".",
		`"app.features`, `"`+e.p.Package+".features",
		`"users"`, `"`+e.users+`"`,
		`"users.`, `"`+e.users+`.`,
		"ix_users_", "ix_"+e.users+"_",
		`prefix="/auth"`, `prefix="`+e.prefix+`"`,
		`"/auth/`, `"`+e.mountPrefix()+e.prefix+`/`,
		`"fastman:app"`, fmt.Sprintf("%q", "fastman:"+e.p.Name),
		`title="app"`, fmt.Sprintf("title=%q", e.p.Name),
	).Replace(text)
	text = e.fitFirst(text)
	return parents.ReplaceAllString(text, fmt.Sprintf(".parents[%d]", e.depth(target)))
}

// fitFirst names the set's providers in the template's google's place. The settings of a
// client that nobody reads go.
func (e *emitter) fitFirst(text string) string {
	unused := templates.UnusedClient(e.set)
	if unused == "" {
		return text
	}
	text = strings.NewReplacer(
		"\nFIRST = \"google\"\n", fmt.Sprintf("\nFIRST = %q\n", firstOf(e.set)),
		"\nDEFAULT = PROVIDERS[\"google\"]\n", fmt.Sprintf("\nDEFAULT = PROVIDERS[%q]\n", e.set.Default()),
	).Replace(text)
	return regexp.MustCompile(`(?m)^    `+unused+`(ID|SECRET): .*\n`).ReplaceAllString(text, "")
}

// firstOf is the first provider, while the set has it.
func firstOf(set feature.Set) feature.Provider {
	if set.HasProvider(set.First()) {
		return set.First()
	}
	return ""
}

// depth is how many folders stand between a file and the folder of the env files.
func (e *emitter) depth(target string) int {
	home := path.Dir(e.p.NewEnvFile)
	inside := strings.TrimPrefix(strings.TrimPrefix(target, home), "/")
	return strings.Count(inside, "/")
}

func (e *emitter) head() string {
	if e.p.Alembic != nil && len(e.p.Alembic.Heads) == 1 {
		return e.p.Alembic.Heads[0]
	}
	return ""
}

// mountPrefix is what a discovery puts in front of our paths; it finds the auth module only.
func (e *emitter) mountPrefix() string {
	if d := e.p.Entry.Discovery; d != nil && e.set.Stores() {
		return d.Prefix
	}
	return ""
}

// field is the field of the user's Settings class that reads a variable.
func (e *emitter) field(variable string) (edit.PyField, bool) {
	if s := e.p.Settings; !e.ownSettings() {
		for _, f := range s.File.Fields(s.Class) {
			if strings.EqualFold(f.Name, variable) && !e.isOurs(s.Path, f.Name) {
				return f, true
			}
		}
	}
	return edit.PyField{}, false
}

func (e *emitter) urlField() string {
	if f, found := e.field("DATABASE_URL"); found {
		return f.Name
	}
	return "DATABASE_URL"
}

func (e *emitter) settingsName() project.Name {
	if s := e.p.Settings; !e.ownSettings() {
		return project.Name{Module: s.Module, Name: settingsInstance(s)}
	}
	return project.Name{Module: e.module(e.configPath()), Name: "settings"}
}

// settingsInstance is the name under which the settings object can be imported;
// where the project has only a getter, an edit adds that name.
func settingsInstance(s *project.Settings) string {
	if s.Instance != "" {
		return s.Instance
	}
	return "settings"
}

// baseName is what the models import.
func (e *emitter) baseName() project.Name {
	switch {
	case e.ownDatabase():
		return project.Name{Module: e.p.Package + ".core.database", Name: "Base"}
	case e.baseVariant() == "":
		return e.projectBase()
	}
	return project.Name{Module: e.authModule() + ".base", Name: "Base"}
}

func (e *emitter) projectBase() project.Name {
	if b := e.p.Database.Base; b != nil {
		return *b
	}
	return project.Name{Module: e.p.Package + ".core.database", Name: "Base"}
}

func (e *emitter) engineName() project.Name {
	if e.ownDatabase() {
		return project.Name{Module: e.p.Package + ".core.database", Name: "engine"}
	}
	if db := e.p.Database; db.Engine != nil {
		return *db.Engine
	}
	return project.Name{Module: e.authModule() + ".engine", Name: "engine"}
}

// engineFile is the emitted file that makes the engine; "" where the project does.
func (e *emitter) engineFile() string {
	return cmp.Or(e.stands[databaseFile], e.stands["variants/"+e.standing("engine_")])
}

func (e *emitter) asyncName() project.Name {
	if db := e.p.Database; db.Async != nil {
		return *db.Async
	}
	return project.Name{Module: e.p.Package + ".core.database", Name: "engine"}
}

func (e *emitter) importAs(n project.Name, local string) string {
	if n.Name == local {
		return "from " + n.Module + " import " + local
	}
	return "from " + n.Module + " import " + n.Name + " as " + local
}

// module is the dotted name of a file of the project.
func (e *emitter) module(file string) string {
	inside := strings.TrimPrefix(strings.TrimPrefix(file, e.p.ImportRoot), "/")
	return strings.ReplaceAll(strings.TrimSuffix(inside, ".py"), "/", ".")
}
