package project

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"fastman/internal/edit"
)

var declarative = []string{"sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.DeclarativeBaseNoMeta"}

// makesBase are functions whose result is a declarative base.
var makesBase = []string{"sqlalchemy.orm.declarative_base", "sqlalchemy.ext.declarative.declarative_base",
	"sqlalchemy.orm.registry.generate_base"}

// found is a name with the file that defines it.
type found struct {
	Name
	file *edit.PyFile
	stmt *edit.Stmt
}

// findDatabase finds the declarative base and the engines. Where there are
// several bases, the one that alembic compares with is the project's.
func (l *finder) findDatabase(ctx context.Context) error {
	bases := l.bases()
	used, err := l.migratedBase(ctx, bases)
	if err != nil {
		return err
	}
	if used == nil && len(bases) > 0 {
		used = &bases[0]
	}
	metadata := l.metadataName()
	l.Database.SQLModel = l.hasSQLModel() && (used == nil || strings.HasSuffix(metadata, "SQLModel.metadata"))
	if used != nil && !l.Database.SQLModel {
		l.Database.Base, l.Database.BaseIsBare = &used.Name, bare(used)
	}
	l.findEngines()
	return nil
}

// bases are all declarative bases, those in the likeliest files first.
func (l *finder) bases() []found {
	var all []found
	for _, c := range l.classes {
		if slices.ContainsFunc(c.roots, func(root string) bool { return slices.Contains(declarative, root) }) || decorated(c) {
			all = append(all, found{Name{c.file.Module, c.stmt.Name}, c.file, c.stmt})
		}
	}
	for _, f := range l.sorted() {
		for i := range f.Body {
			s := &f.Body[i]
			if call, ok := s.Call(); ok && s.Kind == "assign" && isBaseCall(f, call) {
				all = append(all, found{Name{f.Module, s.Targets[0]}, f, s})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return nearness(a.file.Path) - nearness(b.file.Path) })
	return all
}

func decorated(c *class) bool {
	return slices.ContainsFunc(c.stmt.Decorators, func(d edit.Expr) bool {
		name := d.Name[strings.LastIndexByte(d.Name, '.')+1:]
		return name == "as_declarative" || name == "as_declarative_base"
	})
}

func isBaseCall(f *edit.PyFile, call *edit.Expr) bool {
	if slices.Contains(makesBase, f.Resolve(call.Name)) || strings.HasSuffix(call.Name, ".generate_base") {
		return true
	}
	return call.Func != nil && call.Func.Kind == "attr" && call.Func.Name == "generate_base"
}

// nearness ranks the files in which a database is usually set up.
func nearness(file string) int {
	i := slices.Index([]string{"base.py", "database.py", "db.py", "session.py", "base_class.py", "models.py"}, path.Base(file))
	if i < 0 {
		i = 10
	}
	return i*10 + strings.Count(file, "/")
}

// bare reports whether a base leaves its subclasses as they are written: no
// columns, mixins, table arguments or dataclass behaviour.
func bare(base *found) bool {
	if base.stmt.Kind == "assign" {
		call, _ := base.stmt.Call()
		return call.Keyword("cls") == nil
	}
	for _, b := range base.stmt.Args {
		full := base.file.Resolve(b.Name)
		if !slices.Contains(declarative, full) && full != "sqlalchemy.ext.asyncio.AsyncAttrs" {
			return false
		}
	}
	for i := range base.stmt.Body {
		if shapes(&base.stmt.Body[i]) {
			return false
		}
	}
	return len(base.stmt.Keywords) == 0 && !slices.ContainsFunc(base.stmt.Decorators, func(d edit.Expr) bool { return strings.Contains(d.Name, "dataclass") })
}

// shapes reports whether a member of a base changes the tables below it. A
// __tablename__ does not: ours say theirs.
func shapes(s *edit.Stmt) bool {
	switch s.Kind {
	case "assign":
		call, ok := s.Call()
		column := ok && slices.Contains([]string{"Column", "mapped_column", "relationship"}, call.Name[strings.LastIndexByte(call.Name, '.')+1:])
		return column || strings.Contains(s.Annotation, "Mapped") || s.Binds("__table_args__") || s.Binds("__mapper_args__")
	case "def":
		return s.Name != "__tablename__" && slices.ContainsFunc(s.Decorators, func(d edit.Expr) bool { return strings.Contains(d.Name, "declared_attr") })
	}
	return false
}

// metadataName is what env.py gives to alembic, with imports resolved.
func (l *finder) metadataName() string {
	if l.Alembic == nil || l.Alembic.Env == nil {
		return ""
	}
	name := ""
	l.Alembic.Env.Walk(func(s *edit.Stmt) {
		if s.Kind != "assign" || !s.Binds("target_metadata") || s.Value == nil {
			return
		}
		v := s.Value
		if v.Kind == "list" && len(v.Args) > 0 {
			v = &v.Args[0]
		}
		name = l.Alembic.Env.Resolve(v.Name)
	})
	return name
}

// migratedBase is the base whose metadata env.py names, through modules that
// only pass it on.
func (l *finder) migratedBase(ctx context.Context, bases []found) (*found, error) {
	full := strings.TrimSuffix(l.metadataName(), ".metadata")
	const mostHops = 5
	for range mostHops {
		for i := range bases {
			if full == bases[i].Module+"."+bases[i].Name.Name {
				return &bases[i], nil
			}
		}
		dot := strings.LastIndexByte(full, '.')
		if dot < 0 {
			return nil, nil
		}
		f, err := l.file(ctx, l.ownModule(full[:dot]))
		if f == nil || err != nil {
			return nil, err
		}
		next := f.Resolve(full[dot+1:])
		if next == full[dot+1:] {
			return nil, nil
		}
		full = next
	}
	return nil, nil
}

// ownModule is the file of a module of the project, or "".
func (l *finder) ownModule(module string) string {
	stem := path.Join(l.ImportRoot, strings.ReplaceAll(module, ".", "/"))
	for _, file := range []string{stem + ".py", stem + "/__init__.py"} {
		if l.list.files[file] {
			return file
		}
	}
	return ""
}

func (l *finder) hasSQLModel() bool {
	return slices.ContainsFunc(l.classes, isTableModel) || strings.HasSuffix(l.metadataName(), "SQLModel.metadata")
}

func isTableModel(c *class) bool {
	return c.derives("sqlmodel.SQLModel", "sqlmodel.main.SQLModel") &&
		slices.ContainsFunc(c.stmt.Keywords, func(k edit.Expr) bool { return k.Key == "table" && k.Name == "True" })
}

var makesEngine = map[string]bool{ // true: async
	"sqlalchemy.create_engine": false, "sqlalchemy.engine.create_engine": false, "sqlmodel.create_engine": false,
	"sqlalchemy.ext.asyncio.create_async_engine": true, "sqlalchemy.ext.asyncio.AsyncEngine": true,
	"sqlmodel.ext.asyncio.session.AsyncEngine": true,
}

func (l *finder) findEngines() {
	files := l.sorted()
	slices.SortStableFunc(files, func(a, b *edit.PyFile) int { return nearness(a.Path) - nearness(b.Path) })
	for _, f := range files {
		for i := range f.Body {
			s := &f.Body[i]
			call, ok := s.Call()
			if !ok || s.Kind != "assign" || s.Targets[0] == "" {
				continue
			}
			if async, engine := engineCall(f, call); engine {
				l.takeEngine(f, s.Targets[0], async)
			}
		}
	}
	if l.Database.Engine == nil && l.Database.Async == nil {
		l.Database.HiddenEngine = hiddenEngine(files)
	}
}

// engineCall reports whether a call makes an engine, by itself or through a
// function of the same file that returns one.
func engineCall(f *edit.PyFile, call *edit.Expr) (async, engine bool) {
	if async, engine = makesEngine[f.Resolve(call.Name)]; engine {
		return async, true
	}
	def := f.Def("def", call.Name)
	if def == nil {
		return false, false
	}
	for i := range def.Body {
		if made, ok := def.Body[i].Call(); ok && def.Body[i].Kind == "return" {
			if async, engine = makesEngine[f.Resolve(made.Name)]; engine {
				return async, true
			}
		}
	}
	return false, false
}

// hiddenEngine finds an engine that no module-level name holds.
func hiddenEngine(files []*edit.PyFile) (place string) {
	for _, f := range files {
		f.Walk(func(s *edit.Stmt) {
			if call, ok := s.Call(); ok && place == "" {
				if _, engine := makesEngine[f.Resolve(call.Name)]; engine {
					place = fmt.Sprintf("%s:%d", f.Path, s.Line)
				}
			}
		})
	}
	return place
}

func (l *finder) takeEngine(f *edit.PyFile, name string, async bool) {
	to := &l.Database.Engine
	if async {
		to = &l.Database.Async
	}
	if *to == nil {
		*to = &Name{f.Module, name}
		l.Database.ReadsURL = l.Database.ReadsURL || bytes.Contains(f.Src, []byte("DATABASE_URL"))
	}
}
