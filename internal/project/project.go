// Package project finds out what kind of project a folder holds: where the app
// is made, which package it lives in, where its settings, database and
// migrations are, and which interpreter runs it. It changes nothing.
//
// All paths in a Project are slash-separated and relative to Root.
package project

import "fastman/internal/edit"

// Project is what Look found.
type Project struct {
	Root string // absolute path of the folder that was looked at
	Name string // the app's name: [project].name, [tool.poetry].name, or the folder's

	ImportRoot string // the folder that stands on sys.path when the app runs; "" is Root
	RunDir     string // the folder the app is started in: ImportRoot, or the one above a src/
	Package    string // dotted name of the package that holds the app: "app", "src", "backend.app"
	PackageDir string // its folder: "app", "backend/app"
	NewPackage bool   // true when the entry stands outside any package and PackageDir is to be made

	Entry    Entry
	Settings *Settings // nil: no pydantic Settings class was found
	Database Database
	Alembic  *Alembic // nil: no alembic.ini

	EnvFiles    []string // live ones: every .env and .env.* beside Root and ImportRoot, see contract
	EnvExamples []string // .env.example, .env.sample, .env.template
	NewEnvFile  string   // where a first .env goes: the one that Settings reads, or in RunDir
	Sources     []string // every Python file
	Formatter   string   // "ruff", "black" or "": what pyproject.toml configures

	OtherSettings []*Settings // further Settings classes that read an env file fastman writes
	UsersTable    string      // "file:line" where a table called --users-table is defined already, or ""
	UserClass     string      // "file:line" of a mapped class of the user's own called User, or ""
	TestsDir      string      // where tests stand: "tests", "backend/tests"; "tests" under ImportRoot when none

	Python *Python

	reader *reader
}

// Entry is the file that makes the FastAPI app.
type Entry struct {
	Path      string // "app/main.py"
	Module    string // "app.main"
	App       string // the variable: "app"
	Factory   string // the function that makes it, or ""
	Callable  string // what a server is given: "app.main:app", or "app.main:create_app" with IsFactory
	IsFactory bool   // Callable is a factory (no module-level app)
	Discovery *Discovery
	File      *edit.PyFile
}

// Discovery is a loader in the original Fastman's layout, which mounts
// <package>/features/*/router.py by itself.
type Discovery struct {
	Path   string // "app/core/discovery.py"
	Prefix string // where it mounts: "/api/v1"
}

// Settings is a pydantic-settings class.
type Settings struct {
	Path     string   // file
	Module   string   // "app.core.config"
	Class    string   // "Settings"
	Instance string   // module-level name that holds one: "settings"; "" when there is none
	Getter   string   // function that returns one, "get_settings", or ""
	EnvFiles []string // as written in the class, relative ones resolved against RunDir
	Forbids  bool     // unknown keys of the env file make it fail (pydantic-settings' default)
	Prefix   string   // env_prefix
	File     *edit.PyFile
}

// Database is how the project reaches its database.
type Database struct {
	Base       *Name // declarative base, ready to be subclassed
	BaseIsBare bool  // Base adds no columns, mixins or dataclass behaviour of its own
	SQLModel   bool  // models are SQLModel classes: their metadata is SQLModel.metadata
	Engine     *Name // module-level sync engine
	Async      *Name // module-level async engine
	// HiddenEngine is "file:line" of an engine that cannot be imported, where no
	// other was found.
	HiddenEngine string
	ReadsURL     bool // the module with the engine mentions DATABASE_URL
}

// Name is an importable name of the project.
type Name struct{ Module, Name string }

// Alembic is the project's migration set-up.
type Alembic struct {
	Ini       string   // "alembic.ini", "backend/alembic.ini"
	Dir       string   // script_location: "alembic"
	Versions  string   // folder new revisions go to
	Heads     []string // revision ids, by reading the files
	Revisions int      // how many there are
	Env       *edit.PyFile
	EnvPath   string // "alembic/env.py"
}

// Python is the project's own interpreter. It reads source; it is never asked to
// run the user's code here.
type Python struct {
	Path    string // absolute
	Version string // "3.12.1"
	Venv    string // absolute path of the virtual environment it belongs to, or ""
}
