package edit

import (
	"strings"
)

// PyFile is what the interpreter's own parser knows about one Python file. Spans
// are byte offsets in Src. An edit leaves it as it is: after an edit the file is
// read again before the next one.
type PyFile struct {
	Path   string   `json:"-"` // slash-separated, relative to the project
	Module string   `json:"-"` // dotted name it is imported by: "app.main"
	Src    []byte   `json:"-"`
	Body   []Stmt   `json:"body"`
	Error  *PyError `json:"error"` // it could not be read; Body is empty
}

// PyError is why a file could not be read.
type PyError struct {
	Line    int    `json:"line"` // 0: not known
	Message string `json:"message"`
}

// Stmt is one statement. A block (if, for, while, with, try, match) holds the
// statements of all its branches, at any depth, as one list.
type Stmt struct {
	Kind       string   `json:"k"` // import, from, assign, expr, return, def, class, block, pass, other
	Start      int      `json:"s"` // of the first decorator, where there is one
	End        int      `json:"e"` // of the last token; a comment after it is not part
	Line       int      `json:"l"`
	Name       string   `json:"n"` // def, class; block: "typing" and "main" for those two guards
	Targets    []string `json:"t"` // assign: dotted names; "" for one that has none
	Module     string   `json:"m"` // from
	Level      int      `json:"v"` // from: leading dots
	Imports    []Alias  `json:"i"`
	Value      *Expr    `json:"x"` // assign, expr, return
	Annotation string   `json:"r"` // assign; def: of what it returns
	Decorators []Expr   `json:"d"`
	Args       []Expr   `json:"a"` // class: its bases
	Keywords   []Expr   `json:"w"` // class: its keywords
	Params     []string `json:"p"` // def
	Required   int      `json:"q"` // def: parameters without a default
	Body       []Stmt   `json:"b"` // def, class, block
}

// Alias is one name of an import statement.
type Alias struct {
	Name  string `json:"name"`
	As    string `json:"as"`
	Start int    `json:"s"`
	End   int    `json:"e"`
}

// Local is the name that the import binds.
func (a Alias) Local() string {
	if a.As != "" {
		return a.As
	}
	return a.Name
}

// Expr is one expression, described as far as the edits and the search need it.
type Expr struct {
	Kind     string `json:"k"` // name, attr, call, str, const, list, dict, div, bitor, index, fstr, other
	Start    int    `json:"s"`
	End      int    `json:"e"`
	Name     string `json:"n"` // name: dotted; call: of the function; str, const: the value; attr: the last part
	Args     []Expr `json:"a"`
	Keywords []Expr `json:"w"` // call, dict; "**" is an unpacking
	Key      string `json:"key"`
	KeyStart int    `json:"ks"` // where the keyword's name begins
	Func     *Expr  `json:"f"`  // call: what is called, when it is no dotted name
}

// Keyword returns a keyword argument of a call, or the value of a key of a dict.
func (e *Expr) Keyword(name string) *Expr {
	if e == nil {
		return nil
	}
	return keyword(e.Keywords, name)
}

func keyword(all []Expr, name string) *Expr {
	for i := range all {
		if all[i].Key == name {
			return &all[i]
		}
	}
	return nil
}

// Call reports the call that a statement consists of, assigns or returns.
func (s *Stmt) Call() (*Expr, bool) {
	if s.Value == nil || s.Value.Kind != "call" {
		return nil, false
	}
	return s.Value, true
}

// Binds reports whether a statement gives a name its value.
func (s *Stmt) Binds(name string) bool {
	switch s.Kind {
	case "def", "class":
		return s.Name == name
	case "assign":
		for _, t := range s.Targets {
			if t == name {
				return true
			}
		}
	case "import":
		for _, a := range s.Imports {
			if first, _, _ := strings.Cut(a.Local(), "."); first == name {
				return true
			}
		}
	case "from":
		for _, a := range s.Imports {
			if a.Local() == name {
				return true
			}
		}
	case "block":
		for i := range s.Body {
			if s.Body[i].Binds(name) {
				return true
			}
		}
	}
	return false
}

// Def returns the top-level function or class of that name.
func (f *PyFile) Def(kind, name string) *Stmt {
	for i := range f.Body {
		if f.Body[i].Kind == kind && f.Body[i].Name == name {
			return &f.Body[i]
		}
	}
	return nil
}

// Class returns the top-level class of that name, or nil.
func (f *PyFile) Class(name string) *Stmt { return f.Def("class", name) }

// Walk visits every statement, those of functions and classes too.
func (f *PyFile) Walk(visit func(*Stmt)) { walk(f.Body, visit) }

func walk(body []Stmt, visit func(*Stmt)) {
	for i := range body {
		visit(&body[i])
		walk(body[i].Body, visit)
	}
}

// Calls visits every call that is a statement of its own, an assigned or a
// returned value.
func (f *PyFile) Calls(visit func(*Expr)) {
	f.Walk(func(s *Stmt) {
		if call, ok := s.Call(); ok {
			visit(call)
		}
	})
}

// Resolve returns the full dotted path that a dotted name stands for: with
// "from fastapi import FastAPI as F", "F" is "fastapi.FastAPI". A name that no
// import binds is returned as it is.
func (f *PyFile) Resolve(name string) string {
	first, rest, more := strings.Cut(name, ".")
	full := first
	f.Walk(func(s *Stmt) {
		for _, a := range s.Imports {
			switch {
			case s.Kind == "from" && a.Local() == first:
				full = f.Absolute(s) + "." + a.Name
			case s.Kind == "import" && a.As == first:
				full = a.Name
			}
		}
	})
	if more {
		full += "." + rest
	}
	return full
}

// Absolute is the module that a from-import names, with its leading dots resolved.
func (f *PyFile) Absolute(s *Stmt) string {
	if s.Level == 0 {
		return s.Module
	}
	parts := strings.Split(f.Module, ".")
	drop := s.Level
	if strings.HasSuffix(f.Path, "__init__.py") {
		drop--
	}
	base := strings.Join(parts[:max(0, len(parts)-drop)], ".")
	return strings.Trim(base+"."+s.Module, ".")
}

// Newline is the line end that most lines of the file have.
func (f *PyFile) Newline() string {
	text := string(f.Src)
	crlf := strings.Count(text, "\r\n")
	lf := strings.Count(text, "\n") - crlf
	cr := strings.Count(text, "\r") - crlf
	switch {
	case crlf > lf && crlf >= cr:
		return "\r\n"
	case cr > lf:
		return "\r"
	}
	return "\n"
}
