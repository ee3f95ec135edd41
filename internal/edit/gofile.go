package edit

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// GoFile is one file of Go source, parsed.
type GoFile struct {
	Path string // slash-separated, relative to the project
	Src  []byte
	AST  *ast.File

	file *token.File
}

// ParseGo parses src; an error has file and line.
func ParseGo(name string, src []byte) (*GoFile, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &GoFile{Path: name, Src: src, AST: tree, file: set.File(tree.FileStart)}, nil
}

// Undeclared are the names that the file uses and does not declare itself.
func (f *GoFile) Undeclared() []*ast.Ident {
	tree, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Src, 0) // resolves the names
	if err != nil {
		return nil
	}
	return tree.Unresolved
}

// Line is the line, from 1, on which a node begins.
func (f *GoFile) Line(n ast.Node) int { return f.file.Line(n.Pos()) }

// Text is the source of a node.
func (f *GoFile) Text(n ast.Node) string { return string(f.Src[f.start(n):f.end(n)]) }

func (f *GoFile) start(n ast.Node) int { return f.file.Offset(n.Pos()) }

func (f *GoFile) end(n ast.Node) int { return f.file.Offset(n.End()) }

// ImportPath is what a package name stands for in this file, or "".
func (f *GoFile) ImportPath(name string) string {
	for _, spec := range f.AST.Imports {
		full, _ := strconv.Unquote(spec.Path.Value)
		if spec.Name != nil && spec.Name.Name == name || spec.Name == nil && packageName(full) == name {
			return full
		}
	}
	return ""
}

// packageName is the name that a package of that path has by convention.
func packageName(full string) string {
	base := path.Base(full)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(full))
	}
	return strings.TrimPrefix(base, "go-")
}

// Qualified splits "http.Server" into the import path and the name; ok is false for
// anything else, such as a field of a variable.
func (f *GoFile) Qualified(e ast.Expr) (pkg, name string, ok bool) {
	selector, isSelector := e.(*ast.SelectorExpr)
	if !isSelector {
		return "", "", false
	}
	x, isName := selector.X.(*ast.Ident)
	if !isName {
		return "", "", false
	}
	pkg = f.ImportPath(x.Name)
	return pkg, selector.Sel.Name, pkg != ""
}

// TypeName is the full name of a type that is written in this file, as in
// "*net/http.Server", or "" for one of another form.
func (f *GoFile) TypeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		if name := f.TypeName(star.X); name != "" {
			return "*" + name
		}
		return ""
	}
	if pkg, name, ok := f.Qualified(e); ok {
		return pkg + "." + name
	}
	return ""
}

// names are all identifiers of the file: none of them is free for a new variable.
func (f *GoFile) names() map[string]bool {
	used := map[string]bool{}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			used[name.Name] = true
		}
		return true
	})
	return used
}

// finish applies spans. A file that was formatted is so again: longer text may move
// the comments beside it.
func (f *GoFile) finish(spans []Span) ([]byte, error) {
	out, err := Apply(f.Src, spans...)
	if err != nil {
		return nil, err
	}
	before, err := format.Source(f.Src)
	if err != nil || !bytes.Equal(before, f.Src) {
		_, err := ParseGo(f.Path, out)
		return out, err
	}
	return format.Source(out)
}
