package edit

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func is(value string) func(string) bool { return func(v string) bool { return v == value } }

// A variable goes with its line, a value that somebody else typed stays and is told
// of, and no other byte moves.
func TestDotenvRemove(t *testing.T) {
	cases := []struct {
		name, src, want string
		filled          bool
		status          Status
	}{
		{"plain", "A=1\nK=new\nB=2\n", "A=1\nB=2\n", false, Done},
		{"only line", "K=new\n", "", false, Done},
		{"last of a file without a last newline", "A=1\r\nK=new", "A=1", false, Done},
		{"first of a file without a last newline", "K=new\nA=1", "A=1", false, Done},
		{"twice, at the end", "A=1\nK=new\nK=new", "A=1", false, Done},
		{"export and quotes", "export K = \"new\"\r\nA=1\r\n", "A=1\r\n", false, Done},
		{"behind a BOM", "\ufeffK=new\nA=1\n", "\ufeffA=1\n", false, Done},
		{"a comment behind it", "K=new # mine\n", "# mine\n", false, Done},
		{"filled", "A=1\nK=new # why\n", "A=1\nK= # why\n", true, Done},
		{"filled in quotes", "K=\"new\"\n", "K=\"\"\n", true, Done},
		{"filled twice", "K=new\nK='new'", "K=\nK=''", true, Done},
		{"theirs", "K=mine\n", "K=mine\n", false, CannotPlace},
		{"theirs where ours was filled in", "K=mine\n", "K=mine\n", true, CannotPlace},
		{"gone", "A=1\n", "A=1\n", false, AlreadyThere},
		{"emptied", "K=\n", "K=\n", false, AlreadyThere},
		{"in a comment", "# K=new\n", "# K=new\n", false, AlreadyThere},
		{"in another's value", "A='\nK=new\n'\n", "A='\nK=new\n'\n", false, AlreadyThere},
		{"in two-byte letters", "\xff\xfeK\x00", "\xff\xfeK\x00", false, CannotPlace},
		{"ours and theirs", "K=new\nK=mine\n", "K=mine\n", false, Done},
	}
	for _, c := range cases {
		r := DotenvRemove([]byte(c.src), "K", is("new"), c.filled)
		if r.Status != c.status || string(r.Out) != c.want {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
		if says := strings.Contains(c.src, "mine\n") && !strings.Contains(c.src, "#"); says != (r.Reason == "K holds a value of yours") {
			t.Errorf("%s: says %q", c.name, r.Reason)
		}
	}
}

// Whatever an env file holds: filling in two variables and taking both out again, in
// either order, leaves every byte as it was.
func TestDotenvRemoveUndoes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	values := map[string]string{"NEW": "a value's #1", "K": "aB3-_x", "A": ""}
	undone := 0
	for range 20000 {
		src := generated(random)
		out, filled, put := src, map[string]bool{}, []string{}
		for _, key := range []string{"NEW", "K", "A"} {
			do := DotenvFill
			if random.IntN(2) == 0 {
				do = DotenvAdd
			}
			if r := do(out, key, values[key]); r.Status == Done {
				out, put = r.Out, append(put, key)
				filled[key] = r.Puts[0].Old != ""
			}
		}
		random.Shuffle(len(put), func(i, j int) { put[i], put[j] = put[j], put[i] })
		edited := out
		for _, key := range put {
			r := DotenvRemove(out, key, is(values[key]), filled[key])
			out = r.Out
		}
		if !bytes.Equal(out, src) {
			t.Fatalf("%q became %q and then %q (%v)", src, edited, out, put)
		}
		undone += len(put)
	}
	if undone < 20000 {
		t.Errorf("only %d edits were made", undone)
	}
}

// Lines of ours go, each once, and the user's stay, in whatever way they end.
func TestRemoveLines(t *testing.T) {
	puts := []Put{ignorePut(".env"), ignorePut(".env.*")}
	cases := []struct{ name, src, want string }{
		{"plain", "a\n.env\n.env.*\nb\n", "a\nb\n"},
		{"all", ".env\n.env.*\n", ""},
		{"crlf, no last newline", "a\r\n.env\r\n.env.*", "a"},
		{"blanks behind", "a\n.env  \nb\n", "a\nb\n"},
		{"written twice", ".env\na\n.env\n", ".env\na\n"},
		{"more on the line", "a/.env\n.env # x\n", "a/.env\n.env # x\n"},
		{"bom", "\ufeff.env\n", "\ufeff"},
		{"gone", "a", "a"},
	}
	for _, c := range cases {
		r := RemoveLines([]byte(c.src), puts)
		if string(r.Out) != c.want || (r.Status == Done) == (c.src == c.want) {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
	}
}

// Whatever a .gitignore holds: what was added goes again, in any order, to the byte.
func TestGitignoreEnvIsUndone(t *testing.T) {
	pieces := []string{".env", ".env*", "!.env.example", "!.env.ci", "*.log", "", "# .env", "/.env ", "a\r", ".env.local", "!.env.*"}
	random := rand.New(rand.NewPCG(7, 8))
	for range 5000 {
		var lines []string
		for range random.IntN(6) {
			lines = append(lines, pieces[random.IntN(len(pieces))])
		}
		src := []byte(strings.Join(lines, []string{"\n", "\r\n"}[random.IntN(2)]))
		r := GitignoreEnv(src)
		random.Shuffle(len(r.Puts), func(i, j int) { r.Puts[i], r.Puts[j] = r.Puts[j], r.Puts[i] })
		whole, out := RemoveLines(r.Out, r.Puts).Out, r.Out
		for put := range slices.Chunk(r.Puts, 1) {
			out = RemoveLines(out, put).Out
		}
		if !bytes.Equal(whole, src) || !bytes.Equal(out, src) {
			t.Fatalf("%q became %q and then %q, %q", src, r.Out, whole, out)
		}
	}
}
