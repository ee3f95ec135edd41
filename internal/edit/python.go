package edit

import (
	"fmt"
	"strings"
)

// AppPlace says where an app is made: the variable, and the top-level function in
// whose body it is assigned; "" is the module itself.
type AppPlace struct{ App, Factory string }

// IncludeRouter imports a router and includes it in the app. The call goes behind
// the last include_router that precedes any mount or catch-all route, else
// directly behind the statement that makes the app. importLine has the form
// "from m import name as router".
func IncludeRouter(f *PyFile, where AppPlace, importLine, router string) Result {
	imp := parseImport(importLine)
	if f.includes(imp.path(), where.App) {
		return f.there()
	}
	return f.place(where, imp, router, appCall{"include", includeCall})
}

// SetUp imports a function and calls it with the app, in the same place.
func SetUp(f *PyFile, where AppPlace, importLine, function string) Result {
	imp := parseImport(importLine)
	there := false
	f.Calls(func(call *Expr) { there = there || f.Resolve(call.Name) == imp.path() })
	if there {
		return f.there()
	}
	return f.place(where, imp, function, appCall{"setup", func(app, function string) string { return function + "(" + app + ")" }})
}

// appCall is a form of call that brings what is imported into the app.
type appCall struct {
	kind string // of the Put
	form func(app, name string) string
}

func includeCall(app, router string) string { return app + ".include_router(" + router + ")" }

func (f *PyFile) place(where AppPlace, imp pyImport, name string, call appCall) Result {
	snippet := imp.line() + "\n\n" + call.form(where.App, name)
	if f.Error != nil {
		return f.cannot(f.unreadable(), snippet)
	}
	body, limit := f.scope(where.Factory)
	at := f.appStatement(body, where.App)
	if at < 0 {
		return f.cannot(fmt.Sprintf("no plain %q in %s", where.App+" = FastAPI(...)", scopeName(where.Factory)), snippet)
	}
	if where.Factory == "" {
		limit = body[at].Start
	}
	known := f.localName(imp.path(), limit)
	if known == "" {
		imp, name = f.freeAlias(imp, name)
	} else {
		name = known
	}
	at = includeAnchor(body, at, where.App)
	put := Put{Kind: call.kind, Key: call.form(where.App, name), In: imp.path()}
	return f.include(body, at, limit, known != "", imp, put)
}

func scopeName(factory string) string {
	if factory == "" {
		return "the module's top level"
	}
	return factory + "()"
}

// include places the call behind body[at] and, unless it is there, the import.
func (f *PyFile) include(body []Stmt, at, limit int, imported bool, imp pyImport, call Put) Result {
	callSpan, inline := f.callSpan(body, at, call.Key)
	call.Text = unixText(callSpan.New)
	puts := []Put{call}
	if imported {
		return f.done(puts, callSpan)
	}
	importSpan, ok := f.importSpan(limit, imp.module, imp.line())
	switch {
	case ok && importSpan.Start < callSpan.Start:
		puts = append(puts, Put{Kind: "import", Key: imp.local(), Text: unixText(importSpan.New)})
		return f.done(puts, importSpan, callSpan)
	case inline: // the imports stand on the app's own line
		callSpan.New = "; " + imp.line() + callSpan.New
		puts = append(puts, Put{Kind: "import", Key: imp.local(), Text: imp.line() + "\n"})
		return f.done(puts, callSpan)
	}
	return f.cannot("no place for an import in front of the app", imp.line()+"\n\n"+call.Key)
}

// includes reports whether the router is mounted here already, by whatever name
// or by a discovery of the original layout.
func (f *PyFile) includes(router, app string) bool {
	found := false
	f.Calls(func(call *Expr) {
		switch last := call.Name[strings.LastIndexByte(call.Name, '.')+1:]; last {
		case "include_router":
			arg := call.Keyword("router")
			if len(call.Args) > 0 {
				arg = &call.Args[0]
			}
			found = found || arg != nil && arg.Kind == "name" && f.Resolve(arg.Name) == router
		case "discover_routers":
			found = found || len(call.Args) > 0 && call.Args[0].Name == app
		}
	})
	return found
}

// scope is the body in which the app is made, and where its top-level statement begins.
func (f *PyFile) scope(factory string) ([]Stmt, int) {
	if factory == "" {
		return f.Body, len(f.Src)
	}
	if def := f.Def("def", factory); def != nil {
		return def.Body, def.Start
	}
	return nil, 0
}

// appStatement finds the plain assignment of the app: one that calls FastAPI
// before any other.
func (f *PyFile) appStatement(body []Stmt, app string) int {
	first := -1
	for i := range body {
		if body[i].Kind != "assign" || body[i].Value == nil || !body[i].Binds(app) {
			continue
		}
		if call, ok := body[i].Call(); ok && IsFastAPI(f.Resolve(call.Name)) {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// IsFastAPI reports whether a resolved name is FastAPI's application class.
func IsFastAPI(full string) bool {
	return full == "fastapi.FastAPI" || full == "fastapi.applications.FastAPI"
}

// includeAnchor is the statement behind which the call goes: body[app] or the last
// one that includes a router before something that takes all remaining paths.
func includeAnchor(body []Stmt, app int, name string) int {
	anchor := app
	for i := app + 1; i < len(body); i++ {
		s := &body[i]
		if s.Binds(name) || s.Kind == "return" || takesAll(s, name) {
			break
		}
		if !(s.Kind == "block" && s.Name == "main") && calls(s, name+".include_router") {
			anchor = i
		}
	}
	return anchor
}

func calls(s *Stmt, name string) bool {
	if call, ok := s.Call(); ok && call.Name == name {
		return true
	}
	if s.Kind != "block" {
		return false
	}
	for i := range s.Body {
		if calls(&s.Body[i], name) {
			return true
		}
	}
	return false
}

// takesAll reports whether a statement mounts something or adds a route whose path
// parameter matches every path.
func takesAll(s *Stmt, app string) bool {
	for i := range s.Decorators {
		if catchAll(&s.Decorators[i], app) {
			return true
		}
	}
	if call, ok := s.Call(); ok && catchAll(call, app) {
		return true
	}
	for i := range s.Body {
		if s.Kind == "block" && takesAll(&s.Body[i], app) {
			return true
		}
	}
	return false
}

func catchAll(call *Expr, app string) bool {
	method, own := strings.CutPrefix(call.Name, app+".")
	if !own || method == "include_router" {
		return false
	}
	if method == "mount" || method == "frontend" {
		return true
	}
	path := call.Keyword("path")
	if len(call.Args) > 0 {
		path = &call.Args[0]
	}
	return path != nil && path.Kind == "str" && strings.Contains(path.Name, ":path}")
}

// callSpan inserts a call behind body[at]: on a line of its own, or, where
// statements share a line, behind a semicolon.
func (f *PyFile) callSpan(body []Stmt, at int, call string) (span Span, inline bool) {
	first := body[firstOfLine(f.Src, body, at)]
	joined := lastOfLine(f.Src, body, at) != at
	if joined || !firstOnLine(f.Src, first.Start) {
		end := body[at].End
		return Span{end, end, "; " + call}, true
	}
	return f.after(body[at].End, indentAt(f.Src, first.Start)+call), false
}

// AddInstance appends a line "name = call()" to the module, unless it binds that
// name already.
func AddInstance(f *PyFile, line string) Result {
	name := strings.TrimSpace(strings.SplitN(line, "=", 2)[0])
	for i := range f.Body {
		if f.Body[i].Binds(name) {
			return f.there()
		}
	}
	if f.Error != nil || len(f.Body) == 0 {
		return f.cannot(f.unreadable(), line)
	}
	lines := []string{"", line}
	if last := f.Body[len(f.Body)-1].Kind; last == "def" || last == "class" {
		lines = []string{"", "", line}
	}
	span := f.after(len(f.Src), lines...)
	return f.done([]Put{{Kind: "instance", Key: name, Text: unixText(span.New)}}, span)
}

// ImportModels makes alembic's env.py import a module for its tables: behind the
// import that gives target_metadata, or in front of target_metadata itself.
func ImportModels(f *PyFile, importLine string) Result {
	imp := parseImport(importLine)
	line := imp.line() + "  # noqa: F401"
	if f.importsModule(imp.path()) {
		return f.there()
	}
	at := -1
	for i := range f.Body {
		if f.Body[i].Kind == "assign" && f.Body[i].Binds("target_metadata") {
			at = i
		}
	}
	if f.Error != nil || at < 0 {
		return f.cannot(`no top-level "target_metadata = ..."`, line)
	}
	value := f.Body[at].Value
	if value == nil || value.Kind == "const" {
		return f.cannot(fmt.Sprintf("line %d: target_metadata is %q", f.Body[at].Line, f.text(value)),
			line+"\n# and give target_metadata the metadata of your declarative base:\ntarget_metadata = Base.metadata")
	}
	span, ok := f.modelsSpan(at, value, line)
	if !ok {
		return f.cannot("target_metadata shares its line with other statements", line)
	}
	return f.done([]Put{{Kind: "import", Key: imp.path(), Text: unixText(span.New)}}, span)
}

func (f *PyFile) modelsSpan(at int, value *Expr, line string) (Span, bool) {
	if value.Kind == "list" && len(value.Args) > 0 {
		value = &value.Args[0]
	}
	root, _, _ := strings.Cut(value.Name, ".")
	for i := at - 1; i >= 0; i-- {
		if s := f.Body[i]; root != "" && (s.Kind == "from" || s.Kind == "import") && s.Binds(root) {
			return f.after(f.Body[lastOfLine(f.Src, f.Body, i)].End, line), true
		}
	}
	start := f.Body[at].Start
	return f.before(start, line), firstOnLine(f.Src, start)
}

// importsModule reports whether any import statement loads that module.
func (f *PyFile) importsModule(module string) bool {
	found := false
	f.Walk(func(s *Stmt) {
		from := f.Absolute(s)
		for _, a := range s.Imports {
			found = found || s.Kind == "import" && a.Name == module ||
				s.Kind == "from" && (from == module || from+"."+a.Name == module)
		}
	})
	return found
}

func (f *PyFile) text(e *Expr) string {
	if e == nil {
		return ""
	}
	return string(f.Src[e.Start:e.End])
}

func (f *PyFile) unreadable() string {
	if f.Error == nil {
		return "the file is empty"
	}
	return fmt.Sprintf("line %d: %s", f.Error.Line, f.Error.Message)
}

func unixText(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
