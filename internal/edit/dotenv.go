package edit

import (
	"bytes"
	"slices"
	"strings"
)

// DotenvGet returns the value that python-dotenv reads for key: the last one, with
// quotes and escapes resolved, references to other variables not. A key without
// "=" counts as absent. Upper and lower case are the same, as in pydantic-settings.
func DotenvGet(src []byte, key string) (string, bool) {
	found := assignments(src, key)
	if len(found) == 0 || !found[len(found)-1].assigned() {
		return "", false
	}
	return found[len(found)-1].value, true
}

// DotenvKeys lists the names that are assigned, in order and as written.
func DotenvKeys(src []byte) []string {
	var keys []string
	for _, a := range scanDotenv(src) {
		keys = append(keys, a.key)
	}
	return keys
}

// DotenvAdd appends key=value unless key is there, with or without a value. A
// missing last newline stays missing.
func DotenvAdd(src []byte, key, value string) Result {
	if r, refused := refuseUTF16(src, key+"="); refused {
		return r
	}
	if len(assignments(src, key)) > 0 {
		return Result{Status: AlreadyThere, Out: src}
	}
	return dotenvAppend(src, key, value)
}

func dotenvAppend(src []byte, key, value string) Result {
	out := appendLines(src, key+"="+quoted(value, 0))
	want := append(pairs(src), [2]string{key, value})
	return dotenvResult(src, out, key, want)
}

// DotenvFill is DotenvAdd for a key that is worth nothing while it is empty: empty
// values are replaced in place. What else the key is assigned stays.
func DotenvFill(src []byte, key, value string) Result {
	if r, refused := refuseUTF16(src, key+"="); refused {
		return r
	}
	found := assignments(src, key)
	if len(found) == 0 || found[len(found)-1].value != "" {
		return DotenvAdd(src, key, value)
	}
	empty := slices.DeleteFunc(found, func(a assignment) bool { return !a.assigned() || a.value != "" })
	if len(empty) == 0 {
		return dotenvAppend(src, key, value)
	}
	r := dotenvSet(src, key, value, empty)
	for i := range r.Puts {
		r.Puts[i].Old = key + "="
	}
	return r
}

// DotenvReplace puts value in place of the one key has, wherever it is assigned:
// readers differ in whether the first or the last counts. Quotes stay, and so does
// every other byte. A key that is not there cannot be placed.
func DotenvReplace(src []byte, key, value string) Result {
	if r, refused := refuseUTF16(src, key+"="); refused {
		return r
	}
	found := assignments(src, key)
	if len(found) == 0 {
		return Result{Status: CannotPlace, Out: src, Reason: key + " is not in it", Snippet: key + "="}
	}
	return dotenvSet(src, key, value, found)
}

// dotenvSet gives those assignments of key the value.
func dotenvSet(src []byte, key, value string, which []assignment) Result {
	var spans []Span
	for _, a := range which {
		if !a.assigned() || a.value != value {
			spans = append(spans, a.replacement(src, value))
		}
	}
	if spans == nil {
		return Result{Status: AlreadyThere, Out: src}
	}
	out, err := Apply(src, spans...)
	if err != nil {
		return Result{Status: CannotPlace, Out: src, Reason: err.Error(), Snippet: key + "="}
	}
	var want [][2]string
	for _, a := range scanDotenv(src) {
		if slices.ContainsFunc(which, func(w assignment) bool { return w.from == a.from }) {
			a.value = value
		}
		want = append(want, [2]string{a.key, a.value})
	}
	return dotenvResult(src, out, key, want)
}

// InsertAbove puts text, whole lines, above the last line that assigns key. Without
// such a line the source stays as it is.
func InsertAbove(src []byte, key, text string) []byte {
	found := assignments(src, key)
	if len(found) == 0 {
		return src
	}
	at := lineStart(src, found[len(found)-1].from)
	return slices.Concat(src[:at], []byte(text), src[at:])
}

// placeholders are what people write where a secret belongs.
var placeholders = []string{
	"changeme", "change-me", "change_me", "changethis", "change-this", "change_this",
	"your-secret", "your_secret", "yoursecret", "placeholder",
	"replace-me", "replace_me", "replaceme",
}

// IsPlaceholder reports whether value only stands in for a secret.
func IsPlaceholder(value string) bool {
	lower := strings.ToLower(value)
	return slices.ContainsFunc(placeholders, func(p string) bool { return strings.Contains(lower, p) })
}

// assignments finds all of key.
func assignments(src []byte, key string) []assignment {
	return slices.DeleteFunc(scanDotenv(src), func(a assignment) bool { return !strings.EqualFold(a.key, key) })
}

// dotenvResult accepts an edit only when the file now reads as wanted: a quote that
// is left open above would swallow what follows.
func dotenvResult(src, out []byte, key string, want [][2]string) Result {
	if !slices.Equal(pairs(out), want) {
		return Result{Status: CannotPlace, Out: src, Snippet: key + "=",
			Reason: "a quote that is never closed, or a value that the file cannot hold"}
	}
	return Result{Status: Done, Out: out, Puts: []Put{{Kind: "env", Key: key, Text: key + "="}}}
}

func pairs(src []byte) [][2]string {
	var all [][2]string
	for _, a := range scanDotenv(src) {
		all = append(all, [2]string{a.key, a.value})
	}
	return all
}

// replacement keeps the quotes of a, where it has some.
func (a assignment) replacement(src []byte, value string) Span {
	if !a.assigned() {
		return Span{a.keyEnd, a.keyEnd, "=" + quoted(value, 0)}
	}
	text := quoted(value, a.quote)
	if text == "" && a.end < len(src) && src[a.end] != '\r' && src[a.end] != '\n' {
		text = "''" // older readers would take the comment behind it for the value
	}
	return Span{a.start, a.end, text}
}

const plainChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,=-"

// quoted writes a value in quotes of the kind that is asked for; with 0 only when
// a reader or a shell would take it for something else.
func quoted(value string, quote byte) string {
	if quote == 0 {
		if strings.Trim(value, plainChars) == "" {
			return value
		}
		quote = '\''
	}
	q := string(quote)
	return q + strings.NewReplacer(`\`, `\\`, q, `\`+q).Replace(value) + q
}

// refuseUTF16: text in two-byte units can't be edited as bytes.
func refuseUTF16(src []byte, snippet string) (Result, bool) {
	if !bytes.HasPrefix(src, []byte("\xff\xfe")) && !bytes.HasPrefix(src, []byte("\xfe\xff")) && bytes.IndexByte(src, 0) < 0 {
		return Result{}, false
	}
	return Result{Status: CannotPlace, Out: src, Snippet: snippet, Reason: "is not UTF-8 text (UTF-16?): save it as UTF-8"}, true
}

// lineEnding is the one that most lines of src have.
func lineEnding(src []byte) string {
	if crlf := bytes.Count(src, []byte("\r\n")); crlf > 0 && 2*crlf >= bytes.Count(src, []byte("\n")) {
		return "\r\n"
	}
	return "\n"
}

// appendLines puts lines at the end. When the last line of src had no end, the new
// last one has none either.
func appendLines(src []byte, lines ...string) []byte {
	end := lineEnding(src)
	text := strings.Join(lines, end)
	if len(mark(src)) == len(src) || bytes.HasSuffix(src, []byte("\n")) {
		return slices.Concat(src, []byte(text+end))
	}
	gap := end
	if bytes.HasSuffix(src, []byte("\r")) {
		gap = "\r\n" // "\n" would become one line end with what stands there
	}
	return slices.Concat(src, []byte(gap+text))
}

const utf8Mark = "\xef\xbb\xbf"

// mark is the byte order mark that src begins with, if any.
func mark(src []byte) []byte {
	if bytes.HasPrefix(src, []byte(utf8Mark)) {
		return src[:len(utf8Mark)]
	}
	return nil
}
