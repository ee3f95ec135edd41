package testbed

import (
	"bytes"
	"io/fs"
	"strings"
	"testing/fstest"

	"fastman/internal/feature"
	"fastman/templates"
)

// Magic is a type of the tests' own: a way of signing in that no template knows, with
// sections, files, a setting, a variable, a package and a migration on both stacks.
const Magic feature.Type = "magic"

// Library returns the built-in templates as they may be one day: with the type magic,
// and in a later version, which changes lines, adds and drops files, and migrates.
// A name that says neither is the built-in library.
func Library(name string) *templates.Library {
	library := templates.Builtin()
	overlay := copyOf(library.Files)
	if strings.Contains(name, "magic") {
		addMagic(library, overlay)
	}
	if strings.Contains(name, "next") {
		library.Version = "0.2.0"
		addNext(overlay)
	}
	library.Files = fstest.MapFS(overlay)
	return library
}

type files map[string]*fstest.MapFile

func copyOf(from fs.FS) files {
	all := files{}
	_ = fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			data, _ := fs.ReadFile(from, name)
			all[name] = &fstest.MapFile{Data: data, Mode: 0o644}
		}
		return nil
	})
	return all
}

func (f files) add(name, text string) { f[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

// before puts text in front of the only place where anchor stands.
func (f files) before(name, anchor, text string) { f.replace(name, anchor, text+anchor) }

func (f files) replace(name, old, new string) {
	if bytes.Count(f[name].Data, []byte(old)) != 1 {
		panic("the template " + name + " has changed: it does not hold once: " + old)
	}
	f.add(name, strings.Replace(string(f[name].Data), old, new, 1))
}

const (
	stored = "jwt or oauth or passkey" // the condition of what keeps users and sessions
	pyAuth = "fastapi/app/features/auth/"
	goAuth = "goapp/internal/auth/"
)

func addMagic(library *templates.Library, f files) {
	if !strings.Contains(feature.NewSet(feature.Types...).String(), string(Magic)) {
		feature.Types = append(feature.Types, Magic)
	}
	library.Types = append(library.Types, Magic)
	library.Packages = append(library.Packages, templates.Package{Name: "itsdangerous", Spec: ">=2.1", For: "magic", Imports: []string{"itsdangerous"}})
	library.Variables = append(library.Variables, templates.Variable{Name: "MAGIC_MINUTES", Value: "15", For: "magic"})
	for i, v := range library.Variables {
		library.Variables[i].For = strings.Replace(v.For, stored, stored+" or magic", 1)
	}

	for name, file := range f {
		f.add(name, strings.ReplaceAll(string(file.Data), stored, stored+" or magic"))
	}
	f.before("fastapi/app/core/config.py", "\n\nsettings = Settings()", "    # fastman: if magic\n    # Minutes that a mailed link is good for.\n    MAGIC_MINUTES: int = 15\n    # fastman: end\n")
	f.before(pyAuth+"config.py", "\n\ndef _plain(", "    # fastman: if magic\n    magic_minutes: int\n    # fastman: end\n")
	f.before(pyAuth+"config.py", "    )\n\n\nconfig = _load()", "        # fastman: if magic\n        magic_minutes=_number(\"MAGIC_MINUTES\", 1, 60),\n        # fastman: end\n")
	f.add(pyAuth+"magic.py", "# fastman: file magic\n"+`"""Links that sign in."""

from .config import config


def magic_minutes() -> int:
    return config.magic_minutes
`)
	f.before(pyAuth+"router.py", "from .models import User\n", "from .magic import magic_minutes\n")
	f.add(pyAuth+"router.py", string(f[pyAuth+"router.py"].Data)+`

# fastman: if magic
@router.get("/magic")
async def magic() -> dict[str, int]:
    return {"minutes": magic_minutes()}


# fastman: end
`)
	f.add("fastapi/alembic/versions/5d2e1b8cf630_magic.py", "# fastman: file magic\n"+revision("magic", "5d2e1b8cf630"))

	f.add(goAuth+"magic.go", `// fastman: file magic
package auth

import "net/http"

func (a *Auth) getMagic(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, map[string]int{"minutes": a.config.MagicMinutes})
}
`)
	f.before(goAuth+"auth.go", "\treturn all\n}\n\n// ServeHTTP", "\t// fastman: if magic\n\tall[\"/magic\"] = route{http.MethodGet: a.getMagic}\n\t// fastman: end\n")
	f.replace(goAuth+"config.go", "\t// fastman: end\n}\n\n// LoadConfig", "\t// fastman: end\n\t// fastman: if magic\n\n\t// MagicMinutes is how long a mailed link is good for. The default is 15.\n\tMagicMinutes int\n\t// fastman: end\n}\n\n// LoadConfig")
	f.before(goAuth+"config.go", "\treturn c, c.check()\n", "\t// fastman: if magic\n\tc.MagicMinutes = cmp.Or(c.MagicMinutes, 15)\n\t// fastman: end\n")
	for _, database := range []string{"sqlite", "postgres"} {
		f.add(goAuth+"migrations/"+database+"/00090_magic.sql", "-- fastman: file magic\n-- +goose Up\nCREATE TABLE auth_magic (id TEXT NOT NULL PRIMARY KEY);\n\n-- +goose Down\nDROP TABLE auth_magic;\n")
	}
}

func revision(name, id string) string {
	return `"""` + name + `

Revision ID: ` + id + `
Revises: 4c1d0a7be52f
Create Date: 2026-11-25 00:00:00
"""

import sqlalchemy as sa

from alembic import op

revision = "` + id + `"
down_revision = "4c1d0a7be52f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("auth_` + name + `", sa.Column("id", sa.Text, primary_key=True))


def downgrade() -> None:
    op.drop_table("auth_` + name + `")
`
}

// addNext is a release that fixes a text, splits a module, and adds a setting.
func addNext(f files) {
	f.replace(pyAuth+"router.py", `"Session not found"`, `"No such session"`)
	f.add(pyAuth+"events.py", string(f[pyAuth+"events.py"].Data)+"\n\nAUDITED = True\n")
	f.add(pyAuth+"audit.py", "\"\"\"What a release brings.\"\"\"\n\nAUDIT = True\n")
	delete(f, "fastapi/tests/auth/test_requests.py")
	f.before("fastapi/app/core/config.py", "    # A session ends after this many days", "    # Seconds between two audits.\n    AUTH_AUDIT_SECONDS: int = 60\n")
	f.add("fastapi/alembic/versions/6e3f2c9d0741_audit.py", revision("audit", "6e3f2c9d0741"))

	f.replace(goAuth+"handlers.go", `"Session not found"`, `"No such session"`)
	f.add(goAuth+"audit.go", "package auth\n\n// Audited says that a release has come.\nconst Audited = true\n")
	for _, database := range []string{"sqlite", "postgres"} {
		f.add(goAuth+"migrations/"+database+"/00091_audit.sql", "-- +goose Up\nCREATE TABLE auth_audit (id TEXT NOT NULL PRIMARY KEY);\n\n-- +goose Down\nDROP TABLE auth_audit;\n")
	}
}
