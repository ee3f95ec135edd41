package merge

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzThree looks for texts that make a merge panic or lose what the user added.
func FuzzThree(f *testing.F) {
	f.Add(0, "a\nb\n", "a\nmine\nb\n", "a\nb\nyours\n")
	f.Add(0, "a\n", "\xef\xbb\xbfa\r\nb\r\n", "a\nc")
	f.Add(1, "import os\n\nX = 1\n", "import os\nfrom a import (\n    b,  # c\n)\n\nX = 1\n", "import re\n\nX = 2\n")
	f.Add(1, "from a import b\n", "from a import b, c # d\nprint('''\n'''); c\n", "from a import e\n")
	f.Add(2, "package a\n\nimport \"fmt\"\n", "package a\n\nimport (\n\t\"fmt\" // x\n\t\"os\"\n)\n", "package a\n\nimport \"io\"\n")
	f.Fuzz(func(t *testing.T, kind int, base, theirs, ours string) {
		k := Kind(uint(kind) % 3)
		got := Three(k, []byte(base), []byte(theirs), []byte(ours))
		if len(got.Conflicts) > 0 && got.Text != nil {
			t.Fatalf("a text beside conflicts: %q", got.Text)
		}
		if len(got.Conflicts) == 0 {
			checkNothingLost(t, k, base, theirs, string(got.Text))
		}
	})
}

// Whatever is done to a file of the templates on either side, a clean merge has all
// that the user added.
func TestNothingIsLost(t *testing.T) {
	sources, _ := filepath.Glob("../../templates/fastapi/app/features/auth/*.py")
	more, _ := filepath.Glob("../../templates/goapp/internal/auth/*.go")
	if sources = append(sources, more...); len(sources) < 20 {
		t.Fatal("the templates are elsewhere", sources)
	}
	clean := 0
	for i := range 3000 {
		r := typist{Rand: random(i)}
		name := sources[r.IntN(len(sources))]
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Split(string(src), "\n")
		r.from = all
		top := min(len(all), 30) // where the imports are
		shuffle := func() string {
			var lines []string
			for _, part := range [][]string{all[:top], all[top:]} {
				lines = append(lines, r.edit(part, 1+r.IntN(3))...)
			}
			return strings.Join(lines, "\n")
		}
		theirs, ours := shuffle(), shuffle()
		got := Three(KindOf(name), src, []byte(theirs), []byte(ours))
		if len(got.Conflicts) == 0 {
			clean++
			checkNothingLost(t, KindOf(name), string(src), theirs, string(got.Text))
		}
		for _, c := range got.Conflicts {
			checkPlace(t, theirs, c.Theirs, c.TheirsStart, c.TheirsEnd)
			checkPlace(t, ours, c.Ours, c.OursStart, c.OursEnd)
		}
	}
	t.Logf("%d clean", clean)
	if clean < 500 {
		t.Errorf("only %d cases merged", clean)
	}
}

// checkPlace reads the lines that a conflict names.
func checkPlace(t *testing.T, text string, want []byte, start, end int) {
	t.Helper()
	if got := strings.Join(splitLines(text)[start-1:end], ""); got != string(want) {
		t.Fatalf("lines %d to %d are %q, not %q", start, end, got, want)
	}
}

// checkNothingLost counts the lines that theirs has more often than base. Imports
// are compared by name, and lines without their white space, which gofmt may change.
func checkNothingLost(t *testing.T, kind Kind, base, theirs, merged string) {
	t.Helper()
	lines, names := known(kind, theirs)
	_, namesBefore := known(kind, base)
	_, namesAfter := known(kind, merged)
	count := map[string]int{}
	for _, line := range strings.Split(plain(base)+"\n"+plain(merged), "\n") {
		count[strings.Join(strings.Fields(line), " ")]++
	}
	for _, line := range lines {
		squeezed := strings.Join(strings.Fields(line), " ")
		if count[squeezed]--; count[squeezed] < 0 && squeezed != "" {
			t.Fatalf("%q is lost in %q", line, merged)
		}
	}
	for n := range names {
		if !namesBefore[n] && !namesAfter[n] && namesAfter != nil && namesBefore != nil {
			t.Fatalf("the import of %v is lost in %q", n, merged)
		}
	}
}

func plain(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, string(bom)), "\r\n", "\n")
}

// known are the lines of a text but for its imports, and the names of those, nil where
// they can't be read.
func known(kind Kind, text string) (lines []string, names map[name]bool) {
	lines = splitLines(plain(text))
	var l language = python{}
	if kind == Go {
		l = golang{}
	}
	f, ok := l.read(lines, func(string) bool { return false })
	if !ok || kind == Text {
		return lines, nil
	}
	loose := slices.DeleteFunc(f.loose(), func(line string) bool { return goBracket.MatchString(strings.TrimSpace(line)) })
	return append(f.rest(), loose...), f.names()
}

// A user with huge or broken files waits a fraction of a second for a merge. The bound
// is for a busy machine: a search without bounds takes minutes.
func TestHugeFiles(t *testing.T) {
	const lines = 50_000
	r := rand.New(rand.NewPCG(1, 2))
	text := func(line func(i int) string) []byte {
		var out bytes.Buffer
		for i := range lines {
			out.WriteString(line(i) + "\n")
		}
		return out.Bytes()
	}
	anyOf := func(n int) func(int) string {
		return func(int) string { return strconv.Itoa(r.IntN(n)) }
	}
	numbered := func(prefix string, every int) func(int) string {
		return func(i int) string {
			if i%every == 0 {
				return prefix
			}
			return "line " + strconv.Itoa(i)
		}
	}
	imports := func(form string) func(int) string {
		return func(i int) string { return fmt.Sprintf(form, r.IntN(lines), i) }
	}
	goFile := func(form string) []byte {
		return []byte("package a\n\nimport (\n" + string(text(imports(form))) + ")\n")
	}
	for name, three := range map[string][3][]byte{
		"edited":       {text(numbered("a", 10)), text(numbered("b", 10)), text(numbered("c", 7))},
		"few lines":    {text(anyOf(2)), text(anyOf(2)), text(anyOf(2))},
		"some lines":   {text(anyOf(300)), text(anyOf(300)), text(anyOf(300))},
		"other lines":  {text(anyOf(1e9)), text(anyOf(1e9)), text(anyOf(1e9))},
		"shuffled":     {text(func(i int) string { return strconv.Itoa(i * 7919 % lines) }), text(func(i int) string { return strconv.Itoa(i) }), text(func(i int) string { return strconv.Itoa(i * 104729 % lines) })},
		"py imports":   {text(imports("import a%d%d")), text(imports("import a%d%d")), text(imports("import a%d%d"))},
		"py names":     {text(imports("from a%d import b%d")), text(imports("from a%d import b%d")), text(imports("from a%d import b%d"))},
		"go imports":   {goFile("\t\"a%d/%d\""), goFile("\t\"a%d/%d\""), goFile("\t\"a%d/%d\"")},
		"one bracket":  {[]byte("import a\n" + strings.Repeat("(", 1e6)), []byte("import b\n" + strings.Repeat("(", 1e6)), []byte("import c\n" + strings.Repeat("[", 1e6))},
		"backslashes":  {[]byte("import a\n" + strings.Repeat("\\\n", lines)), []byte("import b\n" + strings.Repeat("\\\n", lines)), []byte("import c" + strings.Repeat("\\\n", lines))},
		"strange text": {[]byte("\x00\xff\n\xfe"), []byte("\x00\xff\n\xfe\nimport \xff"), []byte("\x00\xff\nimport \x00\n\xfe")},
	} {
		for _, kind := range []Kind{Text, Python, Go} {
			start := time.Now()
			got := Three(kind, three[0], three[1], three[2])
			took := time.Since(start)
			t.Logf("%-12s kind %d: %v, %d conflicts", name, kind, took.Round(time.Millisecond), len(got.Conflicts))
			if took > 20*time.Second {
				t.Errorf("%s takes %v", name, took)
			}
		}
	}
}
