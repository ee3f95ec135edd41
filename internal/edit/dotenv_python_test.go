package edit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fastman/internal/run"
	"fastman/internal/testbed"
)

// readThem prints what the real python-dotenv reads in each file, in order.
const readThem = `
import base64, io, json, logging, sys
from dotenv.parser import parse_stream
logging.disable()
def b64(s): return base64.b64encode(s.encode("utf-8", "surrogateescape")).decode()
def read(raw):
    text = io.TextIOWrapper(io.BytesIO(base64.b64decode(raw)), "utf-8", "surrogateescape")
    found = [b for b in parse_stream(text) if b.key is not None]
    return [[b64(b.key), None if b.value is None else b64(b.value)] for b in found]
print(json.dumps([read(raw) for raw in json.load(sys.stdin)]))
`

type read struct {
	key   string
	value *string
}

func pythonReads(t *testing.T, files [][]byte) [][]read {
	t.Helper()
	input, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(testbed.Tools(t, "python-dotenv==1.2.4"), "python")
	res, err := run.Run(context.Background(), run.Spec{
		Args: []string{python, "-c", readThem}, Stdin: bytes.NewReader(input), Timeout: 2 * time.Minute,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, res.Stderr)
	}
	var answers [][][2]*[]byte
	if err := json.Unmarshal(res.Stdout, &answers); err != nil {
		t.Fatal(err)
	}
	var all [][]read
	for _, answer := range answers {
		var one []read
		for _, pair := range answer {
			r := read{key: string(*pair[0])}
			if pair[1] != nil {
				value := string(*pair[1])
				r.value = &value
			}
			one = append(one, r)
		}
		all = append(all, one)
	}
	return all
}

func weRead(src []byte) []read {
	var all []read
	for _, a := range scanDotenv(src) {
		r := read{key: a.key}
		if a.assigned() {
			r.value = &a.value
		}
		all = append(all, r)
	}
	return all
}

func show(all []read) string {
	var out strings.Builder
	for _, r := range all {
		if r.value == nil {
			fmt.Fprintf(&out, "%q ", r.key)
		} else {
			fmt.Fprintf(&out, "%q=%q ", r.key, *r.value)
		}
	}
	return out.String()
}

// pieces are what generated files are made of: mostly near-misses of the grammar.
var pieces = []string{
	"K", "K=", "K=old", "export K='o l d'", "K = \"old\"", "'K'=x", "AWS_K=1", "K_PREVIOUS=2", "# K=3",
	"export ", "export\tA", "=", " = ", "=x", "A", "B=2", "C='a b'", `D="a\nb\"c"`, `E='a\'b\\'`, `F="`, "G='", "`K=9`", "'", "\"",
	"\\", "#", " #", " # c", "\t", " ", "  ", "\n", "\n", "\n", "\n\n", "\r\n", "\r\n", "\r", "\u00a0", "\u2028", "\x1c", "\x0c", "\ufeff",
	"é", "\xff", "\xe9\xa0", "${A}", "$A", "K", "\nK='", "\n'", "K=\"\n", "x y", ":", "value",
}

func generated(random *rand.Rand) []byte {
	out := []byte{}
	if random.IntN(8) == 0 {
		out = append(out, "\ufeff"...)
	}
	for range random.IntN(14) {
		out = append(out, pieces[random.IntN(len(pieces))]...)
	}
	return out
}

// On thousands of odd files we read what python-dotenv reads; after an edit it reads
// the old variables and the change; and no other byte has moved.
func TestDotenvAgainstPython(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const files = 6000
	values := []string{"aB3-_x", "new value's #1"}
	var all [][]byte
	for i := range files {
		src, value := generated(random), values[i%2]
		all = append(all, src, DotenvAdd(src, "NEW", value).Out, DotenvReplace(src, "K", value).Out)
	}
	answers := pythonReads(t, all)
	done := 0
	for i := 0; i < len(all); i += 3 {
		src, before, value := all[i], answers[i], values[i/3%2]
		if got := weRead(src); show(got) != show(before) {
			t.Fatalf("%q:\nwe   %s\nthey %s", src, show(got), show(before))
		}
		if r := DotenvAdd(src, "NEW", value); r.Status == Done {
			done++
			checkReads(t, src, answers[i+1], append(slices.Clone(before), read{"NEW", ptr(value)}))
			if !bytes.HasPrefix(r.Out, src) {
				t.Fatalf("%q became %q", src, r.Out)
			}
		}
		if r := DotenvReplace(src, "K", value); r.Status == Done {
			done++
			checkReads(t, src, answers[i+2], replaced(before, value))
			checkOtherBytes(t, src, r.Out)
		}
	}
	if done < files {
		t.Errorf("only %d edits in %d files were made", done, files)
	}
}

func ptr(s string) *string { return &s }

func replaced(before []read, value string) []read {
	after := slices.Clone(before)
	for i := range after {
		if after[i].key == "K" {
			after[i].value = &value
		}
	}
	return after
}

func checkReads(t *testing.T, src []byte, got, want []read) {
	t.Helper()
	if show(got) != show(want) {
		t.Fatalf("%q:\ngot  %s\nwant %s", src, show(got), show(want))
	}
}

// checkOtherBytes compares all that is not a value of K.
func checkOtherBytes(t *testing.T, src, out []byte) {
	t.Helper()
	if a, b := aroundK(src), aroundK(out); a != b {
		t.Fatalf("%q became %q", src, out)
	}
}

func aroundK(src []byte) string {
	var out strings.Builder
	last := 0
	for _, a := range assignments(src, "K") {
		if !a.assigned() {
			a.start, a.end = a.keyEnd, a.keyEnd
		}
		out.WriteString(strings.TrimSuffix(string(src[last:a.start]), "="))
		out.WriteString("|")
		last = a.end
	}
	return out.String() + string(src[last:])
}
