package edit

import (
	"regexp"
	"strings"
)

// Mention is a place where Python source names a module: an import statement, wherever
// it stands, or a string that is given to what imports by name.
type Mention struct {
	Module string   // with leading dots, as it is written
	Names  []string // what a from-import takes out of it
	Quoted bool     // it is a string
	Line   int
}

var dottedName = regexp.MustCompile(`^\.{0,3}[A-Za-z_]\w*(?:\.\w+)+$`)

// PyMentions finds the modules that source names.
func PyMentions(src []byte) []Mention {
	var all []Mention
	m := mentionReader{src: src}
	for _, t := range pyTokens(src) {
		if t.kind != '#' {
			m.tokens = append(m.tokens, t)
		}
	}
	for m.at < len(m.tokens) {
		t := m.tokens[m.at]
		m.at++
		var found []Mention
		switch text := m.text(t); {
		case t.kind == 's':
			module, _, _ := strings.Cut(strings.Trim(strings.TrimLeft(text, "rRuUbBfF"), `"'`), ":")
			if dottedName.MatchString(module) {
				found = []Mention{{Module: module, Quoted: true}}
			}
		case t.kind == 'w' && text == "from":
			found = m.from()
		case t.kind == 'w' && text == "import":
			for _, module := range m.names() {
				found = append(found, Mention{Module: module})
			}
		}
		for _, f := range found {
			f.Line = strings.Count(unixText(string(src[:t.start])), "\n") + 1
			all = append(all, f)
		}
	}
	return all
}

// mentionReader reads tokens one by one.
type mentionReader struct {
	src    []byte
	tokens []pyToken
	at     int
}

func (m *mentionReader) text(t pyToken) string { return string(m.src[t.start:t.end]) }

// next is the next token of the same statement; "" is the end of it. Inside brackets a
// statement goes on in the next line, and so it does behind a backslash.
func (m *mentionReader) next(bracketed bool) string {
	for m.at < len(m.tokens) {
		t := m.tokens[m.at]
		if m.at > 0 && !bracketed && strings.ContainsAny(string(m.src[m.tokens[m.at-1].end:t.start]), "\r\n") && m.text(m.tokens[m.at-1]) != `\` {
			return ""
		}
		m.at++
		if text := m.text(t); text != `\` {
			return text
		}
	}
	return ""
}

// from reads what follows the word: not only an import begins with it.
func (m *mentionReader) from() []Mention {
	module, start := "", m.at
	for text := m.next(false); text != "import"; text = m.next(false) {
		if text != "." && (text == "" || !isWord(text[0])) {
			m.at = start
			return nil
		}
		module += text
	}
	return []Mention{{Module: module, Names: m.names()}}
}

// names reads a list of names, each of which may get another by "as".
func (m *mentionReader) names() []string {
	var all []string
	name, bracketed, renamed := "", false, false
	for {
		start := m.at
		switch text := m.next(bracketed); text {
		case "(":
			bracketed = true
		case ",":
			all, name, renamed = append(all, name), "", false
		case "as":
			renamed = true
		case "", ")", ";":
			if text != ")" {
				m.at = start
			}
			if name != "" {
				all = append(all, name)
			}
			return all
		default:
			if !renamed {
				name += text
			}
		}
	}
}
