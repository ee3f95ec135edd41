package merge

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// What fastman put into a file goes without a trace, whatever its line ends and
// encoding, also after the manifest went through JSON.
func TestUndoGivesTheOriginalBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		before, after := randomText(random), randomText(random)
		if random.IntN(2) == 0 {
			after = mutate(random, before)
		}
		pieces := throughJSON(t, Pieces([]byte(before), []byte(after)))
		back, ok := Undo([]byte(after), pieces)
		if !ok || string(back) != before {
			t.Fatalf("before %q\nafter %q\nback %q %v", before, after, back, ok)
		}
	}
}

// Changes of the user's elsewhere in the file stay when ours go.
func TestUndoKeepsWhatChangedElsewhere(t *testing.T) {
	before := "import a\n\napp = make()\n\nrun(app)\n"
	after := "import a\nimport auth\n\napp = make()\napp.include(auth)\n\nrun(app)\n"
	now := "# mine\nimport a\nimport auth\nimport mine\n\napp = make()\napp.include(auth)\n\nmine(app)\nrun(app)\n"
	want := "# mine\nimport a\nimport mine\n\napp = make()\n\nmine(app)\nrun(app)\n"
	back, ok := Undo([]byte(now), Pieces([]byte(before), []byte(after)))
	if !ok || string(back) != want {
		t.Errorf("got %v %q", ok, back)
	}
}

// A checkout with other line ends is not another file.
func TestUndoInAnotherCheckout(t *testing.T) {
	before, after := "a\nb\n", "a\nc\nour\nb\n"
	back, ok := Undo([]byte(strings.ReplaceAll(after, "\n", "\r\n")), Pieces([]byte(before), []byte(after)))
	if !ok || string(back) != "a\r\nb\r\n" {
		t.Errorf("got %v %q", ok, back)
	}
}

// Lines that the user changed, or that stand in several places, are not guessed at.
func TestUndoDoesNotGuess(t *testing.T) {
	pieces := Pieces([]byte("a\nz\n"), []byte("a\nour line\nz\n"))
	for _, now := range []string{"a\nour new line\nz\n", "our line\nb\nour line\n", ""} {
		if back, ok := Undo([]byte(now), pieces); ok || string(back) != now {
			t.Errorf("%q: got %q", now, back)
		}
	}
	blank := Pieces([]byte("a\nz\n"), []byte("a\n\nz\n"))
	if back, ok := Undo([]byte("b\n\nz\n"), blank); ok {
		t.Errorf("a blank line of the user's went: %q", back)
	}
}

var words = []string{"a\n", "b\n", "\n", "c\r\n", "d\xe9\n", "base64:x\n", "}\n"}

func randomText(random *rand.Rand) string {
	var text strings.Builder
	for range random.IntN(9) {
		text.WriteString(words[random.IntN(len(words))])
	}
	if random.IntN(3) == 0 {
		text.WriteString("no end")
	}
	return text.String()
}

func mutate(random *rand.Rand, text string) string {
	lines := splitLines(text)
	at := random.IntN(len(lines) + 1)
	return strings.Join(slices.Concat(lines[:at], []string{words[random.IntN(len(words))]}, lines[at:]), "")
}

func throughJSON(t *testing.T, pieces []Piece) (back []Piece) {
	t.Helper()
	data, err := json.Marshal(pieces)
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}
