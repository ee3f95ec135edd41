// Package templates holds the running apps that fastman cuts and emits, and says
// which of their files and packages belong to what.
package templates

import (
	"embed"
	"io/fs"
	"path"
	"sort"
	"strings"

	"fastman/internal/feature"
)

// The folders are named one by one: a virtual environment or a cache beside them
// must not end in the binary.
//
//go:embed goapp/main.go goapp/auth.go all:goapp/internal all:goapp/new
//go:embed all:fastapi/app all:fastapi/alembic all:fastapi/tests all:fastapi/variants all:fastapi/new fastapi/alembic.ini
var files embed.FS

// Available lists the types that the FastAPI template can emit.
var Available = []feature.Type{feature.JWT}

// Version of the generated code. It changes with every template change that an
// existing install would notice.
const Version = "0.1.0"

// Package is a dependency of generated code.
type Package struct {
	Name   string // as on the package index
	Extras string // "binary" for name[binary]
	Spec   string // PEP 440 bounds: the oldest release whose API the code uses
	Dev    bool   // needed by the emitted tests only
}

// Packages returns what the FastAPI code of a set imports.
func Packages(set feature.Set) []Package {
	if set.Empty() {
		return nil
	}
	return []Package{
		{Name: "fastapi", Spec: ">=0.100"},
		{Name: "pydantic-settings", Spec: ">=2.2"},
		{Name: "sqlalchemy", Spec: ">=2.0.30"},
		{Name: "alembic", Spec: ">=1.13"},
		{Name: "psycopg", Extras: "binary", Spec: ">=3.2"},
		{Name: "pyjwt", Spec: ">=2.10"},
		{Name: "bcrypt", Spec: ">=4.1"},
		{Name: "argon2-cffi", Spec: ">=23.1"},
		{Name: "email-validator", Spec: ">=2.1"},
		{Name: "python-multipart", Spec: ">=0.0.18"},
		{Name: "pytest", Spec: ">=8", Dev: true},
		{Name: "httpx", Spec: ">=0.27", Dev: true},
	}
}

// Read returns one template file, by its path below the stack's folder.
func Read(stack, name string) ([]byte, error) { return files.ReadFile(path.Join(stack, name)) }

// Tree lists the template files below a folder of a stack, sorted.
func Tree(stack, folder string) ([]string, error) {
	var names []string
	root := path.Join(stack, folder)
	err := fs.WalkDir(files, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "__pycache__" {
			return fs.SkipDir
		}
		if !d.IsDir() {
			names = append(names, strings.TrimPrefix(p, stack+"/"))
		}
		return nil
	})
	sort.Strings(names)
	return names, err
}

// GoVersion is the oldest release of Go that the packages of the Go code allow.
const GoVersion = "1.26.0"

// Module is a dependency of the Go code, in the version that it is tested with.
type Module struct {
	Path     string
	Version  string
	Packages []string // that are imported, below Path; "" is Path itself
}

// Modules returns what the Go code of a set imports. The router is the app's own.
func Modules(set feature.Set) []Module {
	if set.Empty() {
		return nil
	}
	return []Module{
		{"github.com/golang-jwt/jwt/v5", "v5.3.1", []string{""}},
		{"github.com/jackc/pgx/v5", "v5.12.0", []string{"pgconn", "stdlib"}},
		{"github.com/joho/godotenv", "v1.5.1", []string{""}},
		{"github.com/pressly/goose/v3", "v3.29.0", []string{""}},
		{"golang.org/x/crypto", "v0.58.0", []string{"bcrypt", "argon2"}},
		{"golang.org/x/net", "v0.62.0", []string{"idna"}},
		{"golang.org/x/text", "v0.43.0", []string{"cases", "unicode/norm"}},
		{"modernc.org/sqlite", "v1.62.0", []string{""}},
	}
}
