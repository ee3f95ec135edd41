package project

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"fastman/internal/edit"
)

// UsersTable is "file:line" of a table of that name that the app defines: in SQL, or
// as a model of gorm or ent, which name their tables after the type. "" is none.
func (p *Go) UsersTable(name string) string {
	statement := regexp.MustCompile("(?i)create\\s+table\\s+(?:if\\s+not\\s+exists\\s+)?[\"`\\[]?(?:public\\.)?" + regexp.QuoteMeta(name) + "[\"`\\]]?[\\s(]")
	for _, f := range p.files {
		if at := lineOf(f.Src, statement.FindIndex(f.Src)); at > 0 {
			return fmt.Sprintf("%s:%d", f.Path, at)
		}
		if line := p.modelLine(f, name); line > 0 {
			return fmt.Sprintf("%s:%d", f.Path, line)
		}
	}
	found := ""
	_ = filepath.WalkDir(p.Root, func(file string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(p.Root, file)
		switch {
		case err != nil || found != "":
			return nil
		case d.IsDir() && rel != "." && leftOut(file, d.Name()):
			return fs.SkipDir
		case strings.HasSuffix(file, ".sql") && !strings.HasPrefix(filepath.ToSlash(rel), "internal/auth/"):
			src, _ := os.ReadFile(file)
			if at := lineOf(src, statement.FindIndex(src)); at > 0 {
				found = fmt.Sprintf("%s:%d", filepath.ToSlash(rel), at)
			}
		}
		return nil
	})
	return found
}

func lineOf(src []byte, match []int) int {
	if match == nil {
		return 0
	}
	return strings.Count(string(src[:match[0]]), "\n") + 1
}

// modelLine is the line of a model whose table has that name by convention.
func (p *Go) modelLine(f *edit.GoFile, table string) int {
	names := []string{"gorm.io/gorm", "github.com/jinzhu/gorm", "entgo.io/ent"}
	if table != "users" || !slices.ContainsFunc(names, func(m string) bool { return p.Requires[m] != "" }) || strings.HasPrefix(f.Path, "internal/auth/") {
		return 0
	}
	for _, declaration := range f.AST.Decls {
		d, ok := declaration.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		for _, spec := range d.Specs {
			s := spec.(*ast.TypeSpec)
			if _, isStruct := s.Type.(*ast.StructType); isStruct && (s.Name.Name == "User" || s.Name.Name == "Users") && p.isModel(f, s) {
				return f.Line(s)
			}
		}
	}
	return 0
}

// isModel: the type embeds gorm's or ent's own, or has their tags.
func (p *Go) isModel(f *edit.GoFile, s *ast.TypeSpec) bool {
	text := f.Text(s)
	return strings.Contains(text, "gorm.") || strings.Contains(text, "ent.Schema") || strings.Contains(text, "gorm:\"")
}

// routeCalls are the methods and functions that add a route or a group of them.
var routeCalls = regexp.MustCompile(`^(?i:handle|handlefunc|get|post|put|patch|delete|any|add|method|methodfunc|path|pathprefix|route|group|mount)$`)

// Route is "file:line: path" of a route of the app that is one of the endpoints below
// prefix, as far as that can be read; "" is none.
func (p *Go) Route(prefix string, endpoints []string) string {
	for _, f := range p.files {
		if aside(f.Path) || strings.HasPrefix(f.Path, "internal/auth/") {
			continue
		}
		if line, path := routeIn(f, prefix, endpoints); line > 0 {
			return fmt.Sprintf("%s:%d: %s", f.Path, line, path)
		}
	}
	return ""
}

func routeIn(f *edit.GoFile, prefix string, endpoints []string) (line int, path string) {
	groups := groupNames(f)
	ast.Inspect(f.AST, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || line > 0 {
			return line == 0
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !routeCalls.MatchString(selector.Sel.Name) || len(call.Args) == 0 {
			return true
		}
		literal := routePath(call)
		switch {
		case literal == "":
		case slices.Contains(endpoints, literal) && !groups[f.Text(selector.X)]:
			line, path = f.Line(call), literal
		case isGroup(selector.Sel.Name) && literal != "/" && literal != prefix:
			return false // what is within stands below another path
		}
		return true
	})
	return line, path
}

// routePath is the path of a route that is written as text, without its method.
func routePath(call *ast.CallExpr) string {
	for _, arg := range call.Args[:min(2, len(call.Args))] {
		literal, ok := arg.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			continue
		}
		text, _ := strconv.Unquote(literal.Value)
		if _, after, found := strings.Cut(text, " "); found {
			text = strings.TrimSpace(after)
		}
		if strings.HasPrefix(text, "/") {
			return text
		}
	}
	return ""
}

func isGroup(method string) bool {
	return slices.Contains([]string{"Route", "Group", "Mount", "PathPrefix"}, method)
}

// groupNames are the variables of a file that hold a group: their routes stand below
// another path.
func groupNames(f *edit.GoFile) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
			return true
		}
		text := f.Text(assign.Rhs[0])
		if strings.Contains(text, ".Group(") || strings.Contains(text, ".PathPrefix(") || strings.Contains(text, ".Route(") {
			names[f.Text(assign.Lhs[0])] = true
		}
		return true
	})
	return names
}
