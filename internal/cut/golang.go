package cut

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tidyGo drops the imports of Go source that nothing uses any more, and formats
// what is left as gofmt does.
func tidyGo(text string) (string, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", text, parser.ParseComments)
	if err != nil {
		return "", err
	}
	used := qualifiers(parsed)
	for _, spec := range slices.Backward(parsed.Imports) {
		if !slices.ContainsFunc(bindings(spec), func(name string) bool { return used[name] }) {
			text = dropLine(text, files.Position(spec.Pos()).Offset)
		}
	}
	out, err := format.Source([]byte(emptyImport.ReplaceAllString(text, "")))
	return string(out), err
}

var emptyImport = regexp.MustCompile(`(?m)^import \(\s*\)\n+`)

// qualifiers are all names that stand in front of a dot.
func qualifiers(file *ast.File) map[string]bool {
	used := map[string]bool{"_": true, ".": true} // imports for their effects
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok {
				used[name.Name] = true
			}
		}
		return true
	})
	return used
}

var majorVersion = regexp.MustCompile(`^v\d+$`)

// bindings are the names that an import may have in the file. Without an alias the
// path only suggests it: "github.com/wneessen/go-mail" is mail.
func bindings(spec *ast.ImportSpec) []string {
	if spec.Name != nil {
		return []string{spec.Name.Name}
	}
	full, _ := strconv.Unquote(spec.Path.Value)
	if majorVersion.MatchString(path.Base(full)) {
		full = path.Dir(full)
	}
	base := path.Base(full)
	return []string{base, strings.TrimPrefix(base, "go-"), strings.TrimSuffix(base, "-go")}
}

// dropLine removes the whole line that holds the byte at offset.
func dropLine(text string, offset int) string {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	end := strings.IndexByte(text[offset:], '\n')
	if end < 0 {
		return text[:start]
	}
	return text[:start] + text[offset+end+1:]
}
