package project

import (
	"bytes"
	"context"
	"path"
	"slices"
	"sort"
	"strings"

	"fastman/internal/edit"
)

// candidate is one place where an app is made.
type candidate struct {
	path    string // file that calls FastAPI()
	app     string // variable there; "" when the factory returns it directly
	factory string
	plain   bool // a statement of the module or of the factory, not of a block in it
	simple  bool // the factory needs no arguments

	// Where the module-level app is; "" when only a factory is there.
	atPath, atName string
}

// Edit says where routers are to be included.
func (e Entry) Edit() edit.AppPlace { return edit.AppPlace{App: e.App, Factory: e.Factory} }

func (l *finder) findEntry(ctx context.Context) error {
	found, err := l.candidates(ctx)
	if err != nil {
		return err
	}
	asked, source := l.opts.App, "--app"
	if asked == "" && l.config.Tool.Fastapi.Entrypoint != "" {
		asked, source = l.config.Tool.Fastapi.Entrypoint, "pyproject.toml: [tool.fastapi] entrypoint"
	}
	if asked != "" {
		return l.named(ctx, found, asked, source)
	}
	if err := l.unreadableApp(found); err != nil {
		return err
	}
	if len(found) == 0 {
		return l.notAProject()
	}
	best, err := l.choose(found)
	if err != nil {
		return err
	}
	l.enter(best)
	return nil
}

// enter makes a candidate the project's entry. What depends on the import root
// follows in findLayout.
func (l *finder) enter(c candidate) {
	l.Entry = Entry{Path: c.path, App: c.app, Factory: c.factory, File: l.files[c.path]}
	l.Entry.Callable, l.Entry.IsFactory = c.atName, c.atPath == ""
	if l.Entry.IsFactory {
		c.atPath, l.Entry.Callable = c.path, c.factory
	}
	l.served = c.atPath
	if c.app == "" && c.atPath != "" && !l.Entry.IsFactory { // the factory has no variable: use the module's
		l.Entry.Path, l.Entry.App, l.Entry.Factory, l.Entry.File = c.atPath, c.atName, "", l.files[c.atPath]
	}
}

// candidates finds all apps, and for factories the module-level app they make.
func (l *finder) candidates(ctx context.Context) ([]candidate, error) {
	var all []candidate
	for _, f := range l.sorted() {
		all = append(all, moduleApps(f)...)
		factories := factoriesOf(f)
		for _, c := range factories {
			if err := l.findUse(ctx, &c); err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return withoutMounted(l, all), nil
}

func moduleApps(f *edit.PyFile) []candidate {
	var all []candidate
	visit := func(s *edit.Stmt, plain bool) {
		if s.Kind == "assign" && makesApp(f, s) && s.Targets[0] != "" {
			all = append(all, candidate{path: f.Path, app: s.Targets[0], plain: plain, atPath: f.Path, atName: s.Targets[0]})
		}
	}
	for i := range f.Body {
		s := &f.Body[i]
		visit(s, true)
		if s.Kind == "block" && s.Name == "" {
			for j := range s.Body {
				visit(&s.Body[j], false)
			}
		}
	}
	return slices.CompactFunc(all, func(a, b candidate) bool { return a.app == b.app })
}

func factoriesOf(f *edit.PyFile) []candidate {
	var all []candidate
	for i := range f.Body {
		def := &f.Body[i]
		if def.Kind != "def" {
			continue
		}
		c := candidate{path: f.Path, factory: def.Name, simple: def.Required == 0}
		found := false
		for j := range def.Body {
			s := &def.Body[j]
			if s.Kind == "assign" && makesApp(f, s) && s.Targets[0] != "" && !strings.Contains(s.Targets[0], ".") {
				c.app, c.plain, found = s.Targets[0], true, true
				break
			}
			found = found || s.Kind == "return" && makesApp(f, s)
		}
		if found {
			all = append(all, c)
		}
	}
	return all
}

// makesApp reports whether a statement calls FastAPI, or a subclass of the file's own.
func makesApp(f *edit.PyFile, s *edit.Stmt) bool {
	call, ok := s.Call()
	if !ok {
		return false
	}
	if edit.IsFastAPI(f.Resolve(call.Name)) {
		return true
	}
	c := f.Class(call.Name)
	return c != nil && slices.ContainsFunc(c.Args, func(base edit.Expr) bool { return edit.IsFastAPI(f.Resolve(base.Name)) })
}

// findUse looks for the module-level variable that a factory's app is assigned to:
// in its own file, then in any other.
func (l *finder) findUse(ctx context.Context, c *candidate) error {
	if name := usedIn(l.files[c.path], c.factory); name != "" {
		c.atPath, c.atName = c.path, name
		return nil
	}
	word := []byte(c.factory + "(")
	var users []string
	for _, file := range l.list.python {
		if file == c.path || aside(file) {
			continue
		}
		if src, err := l.source(file); err == nil && bytes.Contains(src, word) {
			users = append(users, file)
		}
	}
	if err := l.read(ctx, "facts", users...); err != nil {
		return err
	}
	sort.Slice(users, func(i, j int) bool { return place(users[i]) < place(users[j]) })
	for _, file := range users {
		if name := usedIn(l.files[file], c.factory); name != "" {
			c.atPath, c.atName = file, name
			return nil
		}
	}
	return nil
}

func usedIn(f *edit.PyFile, factory string) string {
	for i := range f.Body {
		s := &f.Body[i]
		if call, ok := s.Call(); ok && s.Kind == "assign" {
			full := f.Resolve(call.Name)
			if full[strings.LastIndexByte(full, '.')+1:] == factory {
				return s.Targets[0]
			}
		}
	}
	return ""
}

// withoutMounted leaves out apps that another app of the same file mounts.
func withoutMounted(l *finder, all []candidate) []candidate {
	return slices.DeleteFunc(all, func(c candidate) bool {
		mounted := false
		l.files[c.path].Calls(func(call *edit.Expr) {
			if strings.HasSuffix(call.Name, ".mount") && len(call.Args) > 1 {
				mounted = mounted || call.Args[1].Name == c.app && c.app != ""
			}
		})
		return mounted && len(all) > 1
	})
}

// unreadableApp refuses when a file that seems to make the app can't be parsed,
// and no readable one stands in a better place.
func (l *finder) unreadableApp(found []candidate) error {
	for _, file := range l.worthReading() {
		f := l.files[file]
		if f.Error == nil || aside(file) || !bytes.Contains(l.list.sources[file], []byte("FastAPI(")) {
			continue
		}
		if !slices.ContainsFunc(found, func(c candidate) bool { return place(c.path) < place(file) }) {
			return &Unreadable{file, f.Error.Line, f.Error.Message}
		}
	}
	return nil
}

var (
	appFiles = []string{"main.py", "app.py", "server.py", "asgi.py", "application.py", "api.py", "__init__.py"}
	appDirs  = []string{"", "app", "src", "src/app", "backend", "backend/app", "backend/src", "api", "server"}
)

// place ranks a file by how usual it is for an app to be made there; smaller is better.
func place(file string) int {
	name, dir := slices.Index(appFiles, path.Base(file)), slices.Index(appDirs, up(file))
	if name < 0 {
		name = len(appFiles)
	}
	unusual := 0
	if dir < 0 {
		unusual = 1 + strings.Count(file, "/")
		dir = 0
	}
	return unusual*10_000 + name*100 + dir
}

// rank puts an app that is there without a call before a factory, and a plain
// statement before one in a block.
func (c candidate) rank() int {
	rank := 0
	if c.atPath == "" {
		rank += 2_000_000
	}
	if !c.plain {
		rank += 1_000_000
	}
	return rank + place(c.path)/100*100
}

// choose takes the best candidate. Of equals the one that is called app, then the
// one that a Dockerfile, Procfile or the like starts.
func (l *finder) choose(all []candidate) (candidate, error) {
	sort.SliceStable(all, func(i, j int) bool { return all[i].rank() < all[j].rank() })
	best := all[:1]
	for _, c := range all[1:] {
		if c.rank() == best[0].rank() {
			best = append(best, c)
		}
	}
	best = prefer(best, func(c candidate) bool { return l.started(c) })
	if !slices.ContainsFunc(best, func(c candidate) bool { return c.path != best[0].path }) {
		best = prefer(best, func(c candidate) bool { return c.atName == "app" || c.atName == "" && c.app == "app" })
	}
	if len(best) == 1 {
		return best[0], nil
	}
	names := []string{}
	for _, c := range best {
		names = append(names, c.String())
	}
	return candidate{}, &Ambiguous{Apps: names}
}

// prefer keeps those that satisfy, when any does.
func prefer(all []candidate, satisfies func(candidate) bool) []candidate {
	var kept []candidate
	for _, c := range all {
		if satisfies(c) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return all
	}
	return kept
}

func (c candidate) String() string {
	file, name := c.atPath, c.atName
	if file == "" {
		file, name = c.path, c.factory
	}
	module := strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
	return strings.ReplaceAll(module, "/", ".") + ":" + name
}

// named enters the app that the user or pyproject.toml names.
func (l *finder) named(ctx context.Context, all []candidate, asked, source string) error {
	module, name, _ := strings.Cut(asked, ":")
	if name == "" {
		name = "app"
	}
	file := l.moduleFile(module)
	if file == "" {
		return &NoSuchApp{asked, source}
	}
	l.forced, l.isForced = rootOf(file, module), true
	for _, c := range all {
		if c.atPath == file && c.atName == name || c.path == file && (c.factory == name || c.app == name) {
			l.enter(c)
			return nil
		}
	}
	f, err := l.file(ctx, file)
	if err != nil {
		return err
	}
	if f.Error != nil {
		return &Unreadable{file, f.Error.Line, f.Error.Message}
	}
	if !slices.ContainsFunc(f.Body, func(s edit.Stmt) bool { return s.Binds(name) }) {
		return &NoSuchApp{asked, source}
	}
	l.enter(candidate{path: file, app: name, atPath: file, atName: name})
	return nil
}

// moduleFile finds the file of a dotted module below any folder; the usual ones first.
func (l *finder) moduleFile(module string) string {
	inside := strings.ReplaceAll(module, ".", "/")
	best := ""
	for _, file := range l.list.python {
		stem := strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
		if (stem == inside || strings.HasSuffix(stem, "/"+inside)) && (best == "" || place(file) < place(best)) {
			best = file
		}
	}
	return best
}

// rootOf is the folder that must be on sys.path for a file to be that module.
func rootOf(file, module string) string {
	stem := strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
	return strings.TrimSuffix(strings.TrimSuffix(stem, strings.ReplaceAll(module, ".", "/")), "/")
}
