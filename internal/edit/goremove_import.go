package edit

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// imports takes out the imports that only the wiring used. Our package for gin can't
// stay for another use.
func (u *unwiring) imports() {
	for _, declaration := range u.f.AST.Decls {
		block, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range block.Specs {
			spec, ok := spec.(*ast.ImportSpec)
			if !ok {
				continue
			}
			ours, other := u.usesOf(spec)
			switch {
			case ours && other == nil:
				u.dropImport(block, spec)
			case other != nil && spec.Path.Value == strconv.Quote(u.names.Gin):
				u.leave(other, u.f.Text(other)+" is used in a way of your own")
			}
		}
	}
}

// usesOf reports whether what goes uses an import, and another use of it, if any.
func (u *unwiring) usesOf(spec *ast.ImportSpec) (ours bool, other ast.Node) {
	full, _ := strconv.Unquote(spec.Path.Value)
	name := packageName(full)
	if spec.Name != nil {
		name = spec.Name.Name
	}
	ast.Inspect(u.f.AST, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, plain := selector.X.(*ast.Ident); plain && x.Name == name {
			if within(u.spans, u.f.start(x)) {
				ours = true
			} else {
				other = n
			}
		}
		return true
	})
	return ours, other
}

// dropImport takes a spec out of its declaration, and the blank line that parted it
// from the others; a block that was a single import before is one again.
func (u *unwiring) dropImport(block *ast.GenDecl, spec *ast.ImportSpec) {
	name := u.f.lineEnd(u.f.end(u.f.AST.Name))
	at := slices.Index(block.Specs, ast.Spec(spec))
	switch {
	case len(block.Specs) == 1 && !u.f.hasComment(block):
		if len(u.f.AST.Imports) > 1 || !blank(u.f.Src[name:u.f.start(block)]) {
			u.takeLines(block)
		} else {
			u.take(name, u.f.lineEnd(u.f.end(block)), "")
		}
	case len(block.Specs) == 2 && u.put(func(p Put) bool { return p.Text == "(\n\t" }) && u.unblock(block, spec):
	case u.shares(block.Specs, at, at+1):
		u.take(u.f.start(spec), u.f.start(block.Specs[at+1]), "")
	case u.shares(block.Specs, at, at-1):
		u.take(u.f.end(block.Specs[at-1]), u.f.end(spec), "")
	default:
		u.takeLines(spec)
		u.closeGroup(block, spec)
	}
}

// shares reports whether two imports of a block stand on one line.
func (u *unwiring) shares(specs []ast.Spec, at, other int) bool {
	return other >= 0 && other < len(specs) && u.f.Line(specs[at]) == u.f.Line(specs[other])
}

// hasComment reports whether a comment stands in a node.
func (f *GoFile) hasComment(n ast.Node) bool {
	return slices.ContainsFunc(f.AST.Comments, func(c *ast.CommentGroup) bool { return n.Pos() <= c.Pos() && c.End() <= n.End() })
}

// unblock makes a single import of a block of two; false: it holds something else.
func (u *unwiring) unblock(block *ast.GenDecl, spec *ast.ImportSpec) bool {
	kept := block.Specs[0]
	if kept == ast.Spec(spec) {
		kept = block.Specs[1]
	}
	open, end := u.f.file.Offset(block.Lparen), u.f.end(block)
	first, last := u.f.start(kept), u.f.lineEnd(u.f.end(kept))
	rest := string(u.f.Src[open+1:first]) + string(u.f.Src[last:end-1])
	if !blank([]byte(strings.Replace(rest, u.f.Text(spec), "", 1))) {
		return false
	}
	u.take(open, first, "")
	u.take(last, end, "")
	return true
}

// closeGroup takes out the blank lines beside an import that had a group for itself.
func (u *unwiring) closeGroup(block *ast.GenDecl, spec *ast.ImportSpec) {
	top, bottom := lineStart(u.f.Src, u.f.start(spec)), lineEndAt(u.f.Src, u.f.end(spec))
	above, below := top, bottom
	for above > 0 && isBlankLine(u.f.Src, lineAbove(u.f.Src, above)) {
		above = lineAbove(u.f.Src, above)
	}
	for below < len(u.f.Src) && isBlankLine(u.f.Src, below) {
		below = lineEndAt(u.f.Src, below)
	}
	at := slices.Index(block.Specs, ast.Spec(spec))
	switch last := at == len(block.Specs)-1; {
	case at > 0 && above < top && (last || below > bottom):
		u.take(above, top, "")
	case at == 0 && below > bottom:
		u.take(bottom, below, "")
	}
}

// lineAbove is where the line begins that ends at start.
func lineAbove(src []byte, start int) int {
	return lineStart(src, len(withoutLineEnd(src[:start])))
}

func isBlankLine(src []byte, start int) bool {
	return strings.TrimSpace(string(src[start:lineEndAt(src, start)])) == ""
}
