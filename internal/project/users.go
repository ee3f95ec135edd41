package project

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fastman/internal/edit"
)

// ourColumns are those of the table users in the contract: a database that has
// exactly these was made by fastman, on this stack or the other.
var ourColumns = []string{"id", "email", "email_key", "username", "username_key", "hashed_password", "name", "avatar_url",
	"oauth_provider", "webauthn_handle", "is_active", "is_superuser", "email_verified_at", "created_at", "updated_at"}

// findUsers looks for what would collide with our users table and User class: in
// models, in migrations, and in the database file itself.
func (l *finder) findUsers(ctx context.Context) error {
	for _, c := range l.classes {
		if l.isOurs(c.file.Path) {
			continue
		}
		at := fmt.Sprintf("%s:%d", c.file.Path, c.stmt.Line)
		table, mapped := tableOf(c)
		if mapped && table == l.opts.UsersTable && l.UsersTable == "" {
			l.UsersTable = at
		}
		if mapped && c.stmt.Name == "User" && l.UserClass == "" {
			l.UserClass = at
		}
	}
	if l.UsersTable == "" {
		l.UsersTable = l.createdTable()
	}
	if l.UsersTable != "" {
		return nil
	}
	return l.tableInFile(ctx)
}

func (l *finder) isOurs(file string) bool {
	return strings.HasPrefix(file, l.PackageDir+"/features/auth/") || slices.Contains(l.opts.Own, file) || slices.Contains(l.opts.Own, path.Base(file))
}

// tableOf is the table of a mapped class.
func tableOf(c *class) (table string, mapped bool) {
	for i := range c.stmt.Body {
		s := &c.stmt.Body[i]
		if s.Kind == "assign" && s.Binds("__tablename__") && s.Value != nil && s.Value.Kind == "str" {
			return s.Value.Name, true
		}
	}
	if isTableModel(c) {
		return strings.ToLower(c.stmt.Name), true
	}
	return "", c.derives(declarative...) && len(c.bases) > 0
}

// createdTable is where Table("users", …) or op.create_table("users", …) stands.
func (l *finder) createdTable() string {
	at := ""
	for _, file := range l.worthReading() {
		f := l.files[file]
		if f == nil || f.Error != nil || l.isOurs(file) || aside(file) && !l.isRevision(file) || !l.inHome(file) {
			continue
		}
		f.Walk(func(s *edit.Stmt) {
			call, ok := s.Call()
			if !ok || at != "" || len(call.Args) == 0 || call.Args[0].Name != l.opts.UsersTable || call.Args[0].Kind != "str" {
				return
			}
			if name := call.Name[strings.LastIndexByte(call.Name, '.')+1:]; name == "Table" || name == "create_table" {
				at = fmt.Sprintf("%s:%d", file, s.Line)
			}
		})
	}
	return at
}

func (l *finder) isRevision(file string) bool {
	return l.Alembic != nil && path.Dir(file) == l.Alembic.Versions
}

// tableInFile asks the SQLite files that the project's settings name.
func (l *finder) tableInFile(ctx context.Context) error {
	for _, file := range l.databaseFiles() {
		answers, err := l.reader.ask(ctx, []request{{"columns", []byte(file + "\x00" + l.opts.UsersTable)}})
		if err != nil {
			return err
		}
		columns := answers[0].Columns
		slices.Sort(columns)
		if len(columns) > 0 && !slices.Equal(columns, slices.Sorted(slices.Values(ourColumns))) {
			l.UsersTable = file
			if inside, err := filepath.Rel(l.Root, file); err == nil {
				l.UsersTable = filepath.ToSlash(inside)
			}
			return nil
		}
	}
	return nil
}

// databaseFiles are the existing files that SQLite URLs name: in env files, as a
// default of Settings, or in the call that makes an engine.
func (l *finder) databaseFiles() []string {
	var urls []string
	for _, file := range l.EnvFiles {
		urls = append(urls, l.envValue(file, "DATABASE_URL"))
	}
	for _, f := range l.sorted() {
		f.Walk(func(s *edit.Stmt) {
			if s.Value == nil {
				return
			}
			urls = append(urls, s.Value.Name)
			for _, arg := range s.Value.Args {
				urls = append(urls, arg.Name)
			}
		})
	}
	var files []string
	for _, url := range urls {
		if file := l.sqliteFile(url); file != "" && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

// sqliteFile is the absolute path of the existing file that a URL names, or "".
func (l *finder) sqliteFile(url string) string {
	scheme, rest, found := strings.Cut(url, "://")
	if !found || scheme != "sqlite" && !strings.HasPrefix(scheme, "sqlite+") {
		return ""
	}
	rest, _, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "?")
	if rest == "" || rest == ":memory:" {
		return ""
	}
	file := filepath.FromSlash(rest)
	if !filepath.IsAbs(file) {
		file = l.abs(path.Join(l.RunDir, rest))
	}
	if !exists(file) {
		return ""
	}
	return file
}
