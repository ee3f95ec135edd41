package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A key is added in the file's own style, and one that is there in any spelling
// is the user's.
func TestDotenvAdd(t *testing.T) {
	cases := []struct{ name, src, want string }{
		{"no file", "", "SECRET_KEY=new\n"},
		{"plain", "A=1\n", "A=1\nSECRET_KEY=new\n"},
		{"no last newline", "A=1", "A=1\nSECRET_KEY=new"},
		{"crlf", "A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nSECRET_KEY=new\r\n"},
		{"crlf, no last newline", "A=1\r\nB=2", "A=1\r\nB=2\r\nSECRET_KEY=new"},
		{"bom", "\ufeffA=1\n", "\ufeffA=1\nSECRET_KEY=new\n"},
		{"bom only", "\ufeff", "\ufeffSECRET_KEY=new\n"},
		{"comment", "# SECRET_KEY=x\n", "# SECRET_KEY=x\nSECRET_KEY=new\n"},
		{"other names", "AWS_SECRET_KEY=x\nSECRET_KEY_PREVIOUS=y\n", "AWS_SECRET_KEY=x\nSECRET_KEY_PREVIOUS=y\nSECRET_KEY=new\n"},
		{"inside a value", "A='x\nSECRET_KEY=y\n'\n", "A='x\nSECRET_KEY=y\n'\nSECRET_KEY=new\n"},
		{"inside a double-quoted value", "A=\"x\\\"\nSECRET_KEY=y\n\"\n", "A=\"x\\\"\nSECRET_KEY=y\n\"\nSECRET_KEY=new\n"},
		{"not utf-8", "A=\xe9\n", "A=\xe9\nSECRET_KEY=new\n"},
		{"open quote", "A='x\n", "A='x\nSECRET_KEY=new\n"},
	}
	for _, c := range cases {
		r := DotenvAdd([]byte(c.src), "SECRET_KEY", "new")
		if r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
	}
	for _, src := range []string{
		"SECRET_KEY=x", "SECRET_KEY=", "SECRET_KEY", "export SECRET_KEY = x\n", "'SECRET_KEY'='x'\n", "  SECRET_KEY=\"a\nb\"", "secret_key=x\n",
	} {
		if r := DotenvAdd([]byte(src), "SECRET_KEY", "new"); r.Status != AlreadyThere || string(r.Out) != src {
			t.Errorf("%q: %v %q", src, r.Status, r.Out)
		}
	}
}

// What is put is known by its name; its value, which may be secret, is not kept.
func TestDotenvPutHasNoValue(t *testing.T) {
	r := DotenvAdd(nil, "SECRET_KEY", "hunter2")
	if len(r.Puts) != 1 || strings.Contains(fmt.Sprint(r.Puts), "hunter2") || r.Puts[0].Key != "SECRET_KEY" {
		t.Fatalf("%+v", r.Puts)
	}
}

// An added value reads back as it was, whatever is in it.
func TestDotenvAddQuotes(t *testing.T) {
	for _, value := range []string{"", "a b", "a #b", "it's", `back\slash`, `"`, "two\nlines", "http://x/?a=b&c", "#x", " x "} {
		r := DotenvAdd([]byte("A=1\n"), "K", value)
		if got, ok := DotenvGet(r.Out, "K"); !ok || got != value {
			t.Errorf("%q: %q in %q", value, got, r.Out)
		}
	}
}

// A value is replaced and nothing else: quotes, comment, export, line ends stay.
func TestDotenvReplace(t *testing.T) {
	cases := []struct{ name, src, want string }{
		{"plain", "A=1\nK=old\nB=2\n", "A=1\nK=new\nB=2\n"},
		{"comment", "K=old # why\n", "K=new # why\n"},
		{"single quotes", "K='old' # why\r\n", "K='new' # why\r\n"},
		{"double quotes", "export K = \"o\\\"ld\nlines\"\n", "export K = \"new\"\n"},
		{"empty", "K=\n", "K=new\n"},
		{"empty with comment", "K= # why\n", "K=new # why\n"},
		{"no equal sign", "K\n", "K=new\n"},
		{"several", "K=old\nA=1\nK='older'", "K=new\nA=1\nK='new'"},
		{"decoys", "AWS_K=x\n# K=old\nA='\nK=old\n'\nK=old", "AWS_K=x\n# K=old\nA='\nK=old\n'\nK=new"},
		{"bom", "\ufeffK=old", "\ufeffK=new"},
	}
	for _, c := range cases {
		r := DotenvReplace([]byte(c.src), "K", "new")
		if r.Status != Done || string(r.Out) != c.want {
			t.Errorf("%s: %v %q", c.name, r.Status, r.Out)
		}
		if again := DotenvReplace(r.Out, "K", "new"); again.Status != AlreadyThere {
			t.Errorf("%s: again: %v", c.name, again.Status)
		}
	}
	if r := DotenvReplace([]byte("K=old # why\n"), "K", ""); string(r.Out) != "K='' # why\n" {
		t.Errorf("emptied: %q", r.Out)
	}
	if r := DotenvReplace([]byte("A=1\n"), "K", "new"); r.Status != CannotPlace {
		t.Errorf("absent: %v", r.Status)
	}
}

// An empty secret is filled where it stands, a set one is left.
func TestDotenvFill(t *testing.T) {
	cases := []struct {
		src, want string
		status    Status
	}{
		{"K=\nA=1\n", "K=new\nA=1\n", Done},
		{"K=''\n", "K='new'\n", Done},
		{"A=1\n", "A=1\nK=new\n", Done},
		{"K=x\n", "K=x\n", AlreadyThere},
	}
	for _, c := range cases {
		if r := DotenvFill([]byte(c.src), "K", "new"); r.Status != c.status || string(r.Out) != c.want {
			t.Errorf("%q: %v %q", c.src, r.Status, r.Out)
		}
	}
}

// A remark goes above the line that counts, behind a byte order mark.
func TestInsertAbove(t *testing.T) {
	cases := [][2]string{
		{"A=1\n  export K=2\n", "A=1\n# r\n  export K=2\n"},
		{"\ufeffK=2\n", "\ufeff# r\nK=2\n"},
		{"A=1\n", "A=1\n"},
	}
	for _, c := range cases {
		if got := InsertAbove([]byte(c[0]), "K", "# r\n"); string(got) != c[1] {
			t.Errorf("%q: %q", c[0], got)
		}
	}
}

// A file that Windows saved in two-byte letters is refused with the reason.
func TestDotenvRefusesUTF16(t *testing.T) {
	src := []byte("\xff\xfeK\x00=\x001\x00")
	for _, r := range []Result{DotenvAdd(src, "A", "1"), DotenvReplace(src, "K", "1"), DotenvFill(src, "K", "1")} {
		if r.Status != CannotPlace || !strings.Contains(r.Reason, "UTF-16") || !bytes.Equal(r.Out, src) {
			t.Errorf("%+v", r)
		}
	}
}

// An open quote that would swallow the new line is refused.
func TestDotenvOpenQuote(t *testing.T) {
	if r := DotenvAdd([]byte("A='x\n"), "K", "a b"); r.Status != CannotPlace {
		t.Errorf("%v %q", r.Status, r.Out)
	}
}

func TestDotenvKeys(t *testing.T) {
	got := DotenvKeys([]byte("A=1\n# B=2\nexport C\n'D'=4\n=5\nE x\n"))
	if want := []string{"A", "C", "D"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// Words that stand in for a secret are found in any case; real keys are none.
func TestIsPlaceholder(t *testing.T) {
	for _, value := range []string{"your-secret-key-here", "CHANGEME", "please-change-this-now", "xReplace_Me"} {
		if !IsPlaceholder(value) {
			t.Errorf("%q", value)
		}
	}
	for _, value := range []string{"", "q8Z0v-exchange_rate", "3q2-7w"} {
		if IsPlaceholder(value) {
			t.Errorf("%q", value)
		}
	}
}
