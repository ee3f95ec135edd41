package merge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// importCase is a merge of imports with what has to come of it.
type importCase struct {
	base, theirs, ours string
	want               map[name]bool
	notes              []string      // comments that the user wrote
	dropped            map[name]bool // what may stay for the sake of a comment
}

// check compares the imports with those wanted, and looks for the user's comments.
func (c importCase) check(t *testing.T, i int, got map[name]bool, merged string) {
	t.Helper()
	for n := range c.dropped {
		if got[n] && len(c.notes) > 0 {
			delete(got, n)
		}
	}
	if !maps.Equal(got, c.want) {
		t.Fatalf("case %d: got\n%v\nwant\n%v\nbase\n%s\ntheirs\n%s\nours\n%s\nmerged\n%s", i, got, c.want, c.base, c.theirs, c.ours, merged)
	}
	for _, note := range c.notes {
		if strings.Contains(c.theirs, note) && !strings.Contains(merged, note) {
			t.Fatalf("case %d: the comment %q is lost:\n%s\nmerged\n%s", i, note, c.theirs, merged)
		}
	}
}

// randomImports makes sets of names out of a pool. The user's code uses some of
// those that were there; code is how a line of it looks.
func randomImports(r *rand.Rand, pool []name, write func(*rand.Rand, map[name]bool, []string, string) string, use func(name) string) importCase {
	base, theirs, ours := map[name]bool{}, map[name]bool{}, map[name]bool{}
	for _, n := range pool {
		if r.IntN(2) == 0 {
			base[n] = true
		}
		theirs[n] = base[n] != (r.IntN(4) == 0)
		ours[n] = base[n] != (r.IntN(4) == 0)
	}
	keep := pool[len(pool)-1] // or there would be files without imports
	base[keep], theirs[keep], ours[keep] = true, true, true
	var code strings.Builder
	want, dropped := map[name]bool{}, map[name]bool{}
	for _, n := range pool {
		used := base[n] && theirs[n] && use(n) != "" && r.IntN(3) == 0
		if used {
			code.WriteString(use(n))
		}
		if theirs[n] && (!base[n] || ours[n] || used) || ours[n] && !base[n] {
			want[n] = true
		} else if theirs[n] {
			dropped[n] = true
		}
	}
	c := importCase{want: want, dropped: dropped}
	if r.IntN(3) == 0 {
		c.notes = []string{fmt.Sprintf("note %d", r.IntN(100))}
	}
	c.base, c.ours = write(r, base, nil, ""), write(r, ours, nil, "")
	c.theirs = write(r, theirs, c.notes, code.String())
	return c
}

func inOrder(set map[name]bool) (names []name) {
	for n, in := range set {
		if in {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b name) int { return strings.Compare(memberKey(a.what)+a.as, memberKey(b.what)+b.as) })
	return names
}

func pythonPool() (pool []name) {
	for _, module := range []string{"", "abc", "lib.sub", ".", ".near", "..far"} {
		for i, what := range []string{"CONST", "Class", "func", "other10", "other9"} {
			n := name{module: module, what: what + strings.Trim(strings.ReplaceAll(module, ".", "_"), " ")}
			if i == 3 {
				n.as = n.what + "_alias"
			}
			pool = append(pool, n)
		}
	}
	return append(pool, name{module: "typing", what: "Any"})
}

// writePython writes statements as users do: sorted or not, on a line, a line for each
// name, or a statement for each name.
func writePython(r *rand.Rand, set map[name]bool, notes []string, code string) string {
	var out strings.Builder
	out.WriteString("\"\"\"Imports nothing.\n\nimport nothing\n\"\"\"\n\n")
	byModule := map[string][]name{}
	for _, n := range inOrder(set) {
		byModule[n.module] = append(byModule[n.module], n)
	}
	modules := slices.Sorted(maps.Keys(byModule))
	for i, module := range modules {
		if i > 0 && r.IntN(2) == 0 {
			out.WriteString("\n")
		}
		names := byModule[module]
		style := r.IntN(4)
		for len(names) > 0 {
			imp := pyImport{module: module, exploded: style == 1}
			for k := range names {
				if k == 0 || style != 2 && r.IntN(8) > 0 {
					imp.names = append(imp.names, pyName{name: names[k]})
				} else {
					break
				}
			}
			names = names[len(imp.names):]
			for _, note := range notes {
				if r.IntN(2) == 0 {
					imp.comment = "# " + note
				}
			}
			out.WriteString(strings.Join(imp.write(88), ""))
		}
	}
	out.WriteString("\nX = 1\n\n\ndef unchanged():\n    return X\n" + code)
	return out.String()
}

// What the template adds to Python imports comes in, what it drops goes unless the
// user's code needs it, and what the user added stays, as do his comments.
func TestPythonImportsAreASet(t *testing.T) {
	pool := pythonPool()
	use := func(n name) string { return "\n\ndef use_" + n.what + "():\n    return " + python{}.binds(n)[0] + "\n" }
	var cases []importCase
	var texts []string
	for i := range 1000 {
		c := randomImports(random(i), pool, writePython, use)
		got := Three(Python, []byte(c.base), []byte(c.theirs), []byte(c.ours))
		if len(got.Conflicts) > 0 {
			t.Fatalf("case %d: %s\n%s", i, written(got), c.theirs)
		}
		cases, texts = append(cases, c), append(texts, string(got.Text))
	}
	for i, got := range parsePython(t, texts) {
		cases[i].check(t, i, got, texts[i])
	}
}

const pythonReader = `
import ast, json, sys
for text in json.load(sys.stdin):
    tree = ast.parse(text)
    names = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names += [(module, a.name, a.asname or "") for a in node.names]
        elif isinstance(node, ast.Import):
            names += [("", a.name, a.asname or "") for a in node.names]
    assert len(names) == len(set(names)), text
    print(json.dumps(names))
`

// parsePython returns the imported names of each text, as Python itself reads them.
func parsePython(t *testing.T, texts []string) (out []map[name]bool) {
	t.Helper()
	in, _ := json.Marshal(texts)
	cmd := exec.Command("python3", "-I", "-c", pythonReader)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, &stderr)
	}
	for line := range strings.Lines(string(answer)) {
		var names [][3]string
		if err := json.Unmarshal([]byte(line), &names); err != nil {
			t.Fatal(err)
		}
		set := map[name]bool{}
		for _, n := range names {
			set[name{module: n[0], what: n[1], as: n[2]}] = true
		}
		out = append(out, set)
	}
	return out
}

func goPool() (pool []name) {
	for _, what := range []string{"bytes", "context", "net/http", "os", "example.com/a", "example.com/b/v2", "example.com/go-c", "github.com/x/d"} {
		pool = append(pool, name{what: what})
	}
	pool = append(pool, name{what: "example.com/e", as: "alias"}, name{what: "embed", as: "_"})
	return append(pool, name{what: "fmt"})
}

// writeGo writes a formatted file with the imports in a block of two groups, or of
// one, or a declaration for each.
func writeGo(r *rand.Rand, set map[name]bool, notes []string, code string) string {
	var out strings.Builder
	out.WriteString("// Package a is tried.\npackage a\n\n")
	style := r.IntN(4)
	spec := func(n name) string {
		text := strings.TrimSpace(n.as + " " + strconv.Quote(n.what))
		for _, note := range notes {
			if r.IntN(2) == 0 {
				text += " // " + note
			}
		}
		return text + "\n"
	}
	var specs, others []string
	for _, n := range inOrder(set) {
		if style < 3 && strings.Contains(n.what, ".") {
			others = append(others, spec(n))
		} else {
			specs = append(specs, spec(n))
		}
	}
	if style == 0 {
		for _, s := range append(specs, others...) {
			out.WriteString("import " + s)
		}
	} else {
		out.WriteString("import (\n" + strings.Join(specs, "") + "\n" + strings.Join(others, "") + ")\n")
	}
	out.WriteString("\n// X counts.\nvar X = 1\n\nfunc unchanged() int { return X }\n" + code)
	formatted, err := format.Source([]byte(out.String()))
	if err != nil {
		panic(err)
	}
	return string(formatted)
}

// What holds for Python holds for Go, whose files come out formatted.
func TestGoImportsAreASet(t *testing.T) {
	pool := goPool()
	use := func(n name) string {
		if n.as == "_" {
			return ""
		}
		local := map[string]string{"example.com/b/v2": "b", "example.com/go-c": "c", "example.com/e": "alias"}[n.what]
		return fmt.Sprintf("\nvar Use%d = %s.X\n", len(n.what), cmp.Or(local, path.Base(n.what)))
	}
	for i := range 2000 {
		c := randomImports(random(i), pool, writeGo, use)
		got := Three(Go, []byte(c.base), []byte(c.theirs), []byte(c.ours))
		if len(got.Conflicts) > 0 {
			t.Fatalf("case %d: conflict %s\n%s", i, written(got), c.theirs)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), "", got.Text, 0)
		if err != nil {
			t.Fatalf("case %d: %v\n%s", i, err, got.Text)
		}
		if formatted, _ := format.Source(got.Text); !bytes.Equal(formatted, got.Text) {
			t.Fatalf("case %d: not formatted:\n%s", i, got.Text)
		}
		names := map[name]bool{}
		for _, spec := range parsed.Imports {
			n := name{}
			n.what, _ = strconv.Unquote(spec.Path.Value)
			if spec.Name != nil {
				n.as = spec.Name.Name
			}
			names[n] = true
		}
		if len(parsed.Imports) != len(names) {
			t.Fatalf("case %d: an import stands there twice:\n%s", i, got.Text)
		}
		c.check(t, i, names, string(got.Text))
	}
}
