package edit

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// importSpan imports a package that the file does not have yet: in the group of the
// import block where paths of its kind stand, sorted as gofmt sorts.
func (f *GoFile) importSpan(full string) Span {
	line := strconv.Quote(full)
	block := f.importBlock()
	switch {
	case block == nil && len(f.AST.Imports) == 0:
		at := f.end(f.AST.Name)
		return Span{at, at, f.newline() + f.newline() + "import " + line}
	case block == nil:
		at := f.lineEnd(f.end(f.AST.Imports[len(f.AST.Imports)-1]))
		return Span{at, at, f.newline() + "import " + line}
	}
	after := f.importAbove(block, full)
	if after == nil {
		first := block.Specs[0]
		return Span{f.start(first), f.start(first), line + f.newline() + "\t"}
	}
	at := f.lineEnd(f.end(after))
	return Span{at, at, f.newline() + "\t" + line}
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

// importAbove is the import behind which a new one goes; nil is in front of all.
func (f *GoFile) importAbove(block *ast.GenDecl, full string) *ast.ImportSpec {
	var above *ast.ImportSpec
	for _, spec := range block.Specs {
		s := spec.(*ast.ImportSpec)
		path, _ := strconv.Unquote(s.Path.Value)
		if standard(path) == standard(full) && path < full || above == nil && standard(path) && !standard(full) {
			above = s
		}
	}
	return above
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
