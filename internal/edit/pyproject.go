package edit

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// PyprojectAdd inserts the requirements whose package is not there into an array of
// a pyproject.toml, in the array's own style: "project.dependencies",
// "dependency-groups.dev". An array or table that lacks is made.
func PyprojectAdd(src []byte, array string, specs []string) Result {
	r := Result{Status: CannotPlace, Out: src, Snippet: "[" + array + "]\n" + strings.Join(specs, "\n")}
	doc, err := scanPyproject(src, strings.Split(array, "."))
	switch {
	case err != nil:
		r.Reason = "is not valid TOML: " + err.Error()
		return r
	case doc.odd != "":
		r.Reason = doc.odd
		return r
	}
	missing := lacking(doc.names, specs)
	if missing == nil {
		return Result{Status: AlreadyThere, Out: src}
	}
	out, err := Apply(src, doc.insertion(src, missing)...)
	if err != nil {
		r.Reason = err.Error()
		return r
	}
	return Result{Status: Done, Out: out, Puts: packagePuts(missing)}
}

// pyproject is what was found of one array. Offsets are of the source.
type pyproject struct {
	path  []string // of the array: table, then key
	odd   string   // why it can't be edited, or ""
	names []string

	tableEnd int // behind the last line of the table that is to hold the key; -1: no table
	open     int // behind "["; -1: no array
	shut     int // before "]"
	quote    byte

	lastStart, last int // the last element, without its comma; -1: none
}

func scanPyproject(src []byte, path []string) (*pyproject, error) {
	doc := &pyproject{path: path, tableEnd: -1, open: -1, last: -1, quote: '"'}
	base := len(mark(src))
	p := unstable.Parser{}
	p.Reset(src[base:])
	var table []string
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = keyParts(e)
			if slices.Equal(table, path[:len(path)-1]) {
				doc.tableEnd = nextLine(src, base+lastKeyEnd(e))
			}
		case unstable.KeyValue:
			doc.keyValue(src, base, table, e)
		}
	}
	return doc, p.Error()
}

func keyParts(e *unstable.Node) []string {
	var parts []string
	for keys := e.Key(); keys.Next(); {
		parts = append(parts, string(keys.Node().Data))
	}
	return parts
}

func lastKeyEnd(e *unstable.Node) int {
	end := 0
	for keys := e.Key(); keys.Next(); {
		end = rangeEnd(keys.Node().Raw)
	}
	return end
}

func rangeEnd(r unstable.Range) int { return int(r.Offset + r.Length) }

func (doc *pyproject) keyValue(src []byte, base int, table []string, e *unstable.Node) {
	full := slices.Concat(table, keyParts(e))
	if slices.Equal(table, doc.path[:len(doc.path)-1]) {
		doc.tableEnd = nextLine(src, base+rangeEnd(e.Raw))
	}
	switch {
	case slices.Equal(full, doc.path) && e.Value().Kind == unstable.Array:
		doc.array(src, base, e)
	case len(full) <= len(doc.path) && slices.Equal(full, doc.path[:len(full)]):
		doc.odd = strings.Join(full, ".") + " is written in a way that can't be edited"
	case slices.Equal(full, []string{"project", "dynamic"}) && doc.path[0] == "project" && hasString(e.Value(), doc.path[1]):
		doc.odd = "project." + doc.path[1] + " is dynamic: the list stands elsewhere"
	}
}

func hasString(array *unstable.Node, want string) bool {
	for items := array.Children(); items.Next(); {
		if string(items.Node().Data) == want {
			return true
		}
	}
	return false
}

// array takes the places of the brackets and elements.
func (doc *pyproject) array(src []byte, base int, e *unstable.Node) {
	doc.shut = base + rangeEnd(e.Raw) - 1
	keyEnd := base + lastKeyEnd(e)
	doc.open = keyEnd + bytes.IndexByte(src[keyEnd:], '[') + 1
	for items := e.Value().Children(); items.Next(); {
		item := items.Node()
		start := base + int(item.Raw.Offset)
		doc.lastStart, doc.last = start, base+rangeEnd(item.Raw)
		switch item.Kind {
		case unstable.String:
			doc.quote = src[start]
			doc.names = append(doc.names, PackageName(string(item.Data)))
		case unstable.InlineTable: // {include-group = "test"}
			doc.last = tableShut(src, base, item)
		default:
			doc.odd = strings.Join(doc.path, ".") + " holds something that is not text"
		}
	}
}

// tableShut is behind the "}" of an inline table.
func tableShut(src []byte, base int, table *unstable.Node) int {
	at := base + rangeEnd(table.Raw)
	for pairs := table.Children(); pairs.Next(); {
		at = base + rangeEnd(pairs.Node().Raw)
	}
	return at + bytes.IndexByte(src[at:], '}') + 1
}

func (doc *pyproject) insertion(src []byte, specs []string) []Span {
	end := lineEnding(src)
	key := doc.path[len(doc.path)-1]
	lines := doc.lines(specs, end+"    ")
	switch {
	case doc.tableEnd < 0 && doc.open < 0:
		table := "[" + strings.Join(doc.path[:len(doc.path)-1], ".") + "]"
		return []Span{{len(src), len(src), blankLine(src, end) + table + end + key + " = [" + lines + "," + end + "]" + end}}
	case doc.open < 0:
		text := key + " = [" + lines + "," + end + "]" + end
		if !bytes.HasSuffix(src[:doc.tableEnd], []byte("\n")) {
			text = end + strings.TrimSuffix(text, end)
		}
		return []Span{{doc.tableEnd, doc.tableEnd, text}}
	case doc.last < 0:
		return doc.intoEmpty(src, specs, lines)
	}
	return doc.behindLast(src, specs, end)
}

// lines joins the quoted specs, each behind sep.
func (doc *pyproject) lines(specs []string, sep string) string {
	var quotedSpecs []string
	for _, spec := range specs {
		q := `"`
		if doc.quote == '\'' && !strings.Contains(spec, "'") || strings.Contains(spec, q) {
			q = "'"
		}
		quotedSpecs = append(quotedSpecs, q+spec+q)
	}
	return sep + strings.Join(quotedSpecs, ","+sep)
}

func (doc *pyproject) intoEmpty(src []byte, specs []string, lines string) []Span {
	if bytes.ContainsAny(src[doc.open:doc.shut], "\n#") {
		return []Span{{doc.open, doc.open, lines + ","}}
	}
	return []Span{{doc.open, doc.shut, doc.lines(specs, " ")[1:]}}
}

// behindLast goes on in the way the last element is written: on a line of its own
// or not, with a comma behind it or not.
func (doc *pyproject) behindLast(src []byte, specs []string, end string) []Span {
	sep := " "
	if bytes.Contains(src[doc.open:doc.shut], []byte("\n")) {
		sep = end + doc.indent(src)
	}
	text := doc.lines(specs, sep)
	at := nextMark(src, doc.last)
	if src[at] == ',' {
		at++
		text += ","
		if behind := at + lineRest(src, at); sep != " " && behind < doc.shut {
			at = behind // a comment stands there
		}
		return []Span{{at, at, text}}
	}
	behind := doc.last + lineRest(src, doc.last)
	if sep == " " || behind == doc.last || behind >= doc.shut {
		return []Span{{doc.last, doc.last, "," + text}}
	}
	return []Span{{doc.last, doc.last, ","}, {behind, behind, text}}
}

// indent is that of the last element's line; four columns when the array begins there.
func (doc *pyproject) indent(src []byte) string {
	if lineStart(src, doc.lastStart) > doc.open {
		return indentAt(src, doc.lastStart)
	}
	return "    "
}

// nextMark is the next comma or bracket at or behind pos, comments aside.
func nextMark(src []byte, pos int) int {
	for src[pos] != ',' && src[pos] != ']' {
		if src[pos] == '#' {
			pos += lineRest(src, pos)
		}
		pos++
	}
	return pos
}

// lineRest counts the bytes from pos to the end of its line.
func lineRest(src []byte, pos int) int {
	rest := src[pos:]
	if n := bytes.IndexByte(rest, '\n'); n >= 0 {
		return len(bytes.TrimSuffix(rest[:n], []byte("\r")))
	}
	return len(rest)
}

// nextLine is where the line after that of pos begins.
func nextLine(src []byte, pos int) int {
	if n := bytes.IndexByte(src[pos:], '\n'); n >= 0 {
		return pos + n + 1
	}
	return len(src)
}

// blankLine parts what is appended from what is there.
func blankLine(src []byte, end string) string {
	switch {
	case len(mark(src)) == len(src):
		return ""
	case bytes.HasSuffix(src, []byte("\n")):
		return end
	}
	return end + end
}
