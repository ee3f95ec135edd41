package edit

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// importSpans import a package that the file does not have yet: in the import block,
// in the group where paths of its kind stand, sorted as gofmt sorts.
func (f *GoFile) importSpans(full string) []Span {
	line, nl := strconv.Quote(full), f.newline()
	block := f.importBlock()
	switch {
	case block == nil && len(f.AST.Imports) == 0:
		at := f.lineEnd(f.end(f.AST.Name))
		return insert(at, nl+nl+"import "+line)
	case block == nil && len(f.AST.Imports) == 1: // becomes a block
		only := f.AST.Imports[0]
		return append(insert(f.start(only), "("+nl+"\t"), insert(f.lineEnd(f.end(only)), f.gap(only, full)+"\t"+line+nl+")")...)
	case block == nil:
		at := f.lineEnd(f.end(f.AST.Imports[len(f.AST.Imports)-1]))
		return insert(at, nl+"import "+line)
	}
	at, behind := f.neighbour(block, full)
	switch start := f.start(at); {
	case !behind && !firstOnLine(f.Src, start):
		return insert(start, line+"; ")
	case !behind:
		return insert(lineStart(f.Src, start), indentAt(f.Src, start)+line+nl)
	}
	return insert(f.lineEnd(f.end(at)), f.gap(at, full)+"\t"+line)
}

func insert(at int, text string) []Span { return []Span{{at, at, text}} }

// gap is what parts an import from the one above it: packages of the standard library
// stand in a group of their own.
func (f *GoFile) gap(above *ast.ImportSpec, full string) string {
	path, _ := strconv.Unquote(above.Path.Value)
	if standard(path) && !standard(full) {
		return f.newline() + f.newline()
	}
	return f.newline()
}

// importBlock is the first import declaration in parentheses that holds something.
func (f *GoFile) importBlock() *ast.GenDecl {
	for _, declaration := range f.AST.Decls {
		block, ok := declaration.(*ast.GenDecl)
		if ok && block.Tok == token.IMPORT && block.Lparen.IsValid() && len(block.Specs) > 0 {
			return block
		}
	}
	return nil
}

// neighbour is the import that a new one goes behind: the last of its kind that sorts
// before it, or the last of the standard library. Where others of its kind all sort
// behind it, it goes in front of the first of them.
func (f *GoFile) neighbour(block *ast.GenDecl, full string) (spec *ast.ImportSpec, behind bool) {
	var first, last, other *ast.ImportSpec
	for _, s := range block.Specs {
		s := s.(*ast.ImportSpec)
		path, _ := strconv.Unquote(s.Path.Value)
		switch {
		case standard(path) != standard(full):
			other = s
		case path < full:
			last = s
		case first == nil:
			first = s
		}
	}
	switch {
	case last != nil:
		return last, true
	case first != nil:
		return first, false
	case standard(full):
		return block.Specs[0].(*ast.ImportSpec), false
	}
	return other, true
}

// standard reports whether a path is one of the standard library: it has no dot in
// its first element.
func standard(full string) bool {
	first, _, _ := strings.Cut(full, "/")
	return !strings.Contains(first, ".")
}

func (f *GoFile) newline() string { return lineEnding(f.Src) }

// lineEnd is the end of the line that holds the byte at offset, before its line end.
func (f *GoFile) lineEnd(offset int) int {
	for offset < len(f.Src) && f.Src[offset] != '\n' && f.Src[offset] != '\r' {
		offset++
	}
	return offset
}
