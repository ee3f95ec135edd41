package edit

import (
	"fmt"
	"slices"
	"strings"
)

// Field is a field of a Settings class: comment lines, then "NAME: type" or
// "NAME: type = default".
type Field struct {
	Name    string
	Lines   []string
	Imports []Import
}

// PyField is a field that a class has.
type PyField struct {
	Name       string
	Annotation string
	Default    *Expr // nil: required
	Line       int
}

// Fields are the fields of a class, those it inherits within the file included.
func (f *PyFile) Fields(class string) []PyField {
	var fields []PyField
	for _, c := range f.lineage(class) {
		for i := range c.Body {
			if s := &c.Body[i]; isField(s) {
				fields = append(fields, PyField{s.Targets[0], s.Annotation, s.Value, s.Line})
			}
		}
	}
	return fields
}

// Field returns the field of exactly that name.
func (f *PyFile) Field(class, name string) (PyField, bool) {
	for _, field := range f.Fields(class) {
		if field.Name == name {
			return field, true
		}
	}
	return PyField{}, false
}

func isField(s *Stmt) bool {
	return s.Kind == "assign" && s.Annotation != "" && s.Targets[0] != "" && s.Targets[0] != "model_config" &&
		!strings.Contains(s.Annotation, "ClassVar")
}

// lineage is a class and those of its bases that stand in the same file.
func (f *PyFile) lineage(class string) []*Stmt {
	var found []*Stmt
	queue := []string{class}
	for len(queue) > 0 {
		c := f.Class(queue[0])
		queue = queue[1:]
		if c == nil || slices.Contains(found, c) {
			continue
		}
		found = append(found, c)
		for i := range c.Args {
			queue = append(queue, c.Args[i].Name)
		}
	}
	return found
}

// AddFields appends fields to a Settings class. One that is there by the same
// name stays as it is.
func AddFields(f *PyFile, class string, fields []Field) Result {
	c := f.Class(class)
	if c == nil {
		return f.cannot(fmt.Sprintf("no top-level class %q", class), fieldText(fields))
	}
	prefix := f.Option(class, "env_prefix")
	aliased := prefix != nil && !(prefix.Kind == "str" && prefix.Name == "")
	var lines []string
	var imports []Import
	var puts []Put
	for _, field := range fields {
		if _, found := f.Field(class, field.Name); found {
			continue
		}
		own := slices.Clone(field.Lines)
		if aliased {
			own[len(own)-1] = withAlias(own[len(own)-1], field.Name)
			imports = append(imports, Import{"pydantic", "Field"})
		}
		lines, imports = append(lines, own...), append(imports, field.Imports...)
		puts = append(puts, Put{Kind: "setting", Key: field.Name, Text: strings.Join(own, "\n") + "\n", In: class})
	}
	if len(lines) == 0 {
		return f.there()
	}
	members := f.memberSpans(c, lines, lastField(c))
	f.describe(puts, members)
	spans, more := f.importSpans(c.Start, imports)
	return f.done(append(puts, more...), append(members, spans...)...)
}

// describe notes in the puts of members what they replace, and the blank lines above
// the first and below the last.
func (f *PyFile) describe(puts []Put, members []Span) {
	lead, trail := 0, 0
	old := unixText(string(f.Src[members[0].Start:members[0].End]))
	if old == "" {
		lead, trail = blankEnds(unixText(members[0].New))
	}
	for i := range puts {
		puts[i].Old = old
	}
	last := len(puts) - 1
	puts[0].Text = strings.Repeat("\n", lead) + puts[0].Text
	puts[last].Text += strings.Repeat("\n", trail)
}

func fieldText(fields []Field) string {
	var lines []string
	for _, field := range fields {
		lines = append(lines, field.Lines...)
	}
	return strings.Join(lines, "\n")
}

// withAlias makes a field read exactly the variable NAME in a class that puts a
// prefix before the names of its fields.
func withAlias(line, name string) string {
	code, comment, commented := strings.Cut(line, "  #")
	declared, value, _ := strings.Cut(code, " = ")
	alias := fmt.Sprintf("validation_alias=%q", name)
	switch {
	case strings.HasPrefix(value, "Field("):
		value = "Field(" + alias + ", " + strings.TrimPrefix(value, "Field(")
	case value == "":
		value = "Field(" + alias + ")"
	default:
		value = "Field(" + value + ", " + alias + ")"
	}
	if commented {
		value += "  #" + comment
	}
	return declared + " = " + value
}

// lastField is the index of the last field of a class or of the docstring below it; -1: none.
func lastField(c *Stmt) int {
	last := -1
	for i := range c.Body {
		if isField(&c.Body[i]) || last >= 0 && last == i-1 && isDocstring(&c.Body[i]) {
			last = i
		}
	}
	return last
}

// memberSpans inserts lines into a class body behind c.Body[at]; with at < 0 at
// its beginning, behind the docstring. A body of "pass" is replaced.
func (f *PyFile) memberSpans(c *Stmt, lines []string, at int) []Span {
	first, last := c.Body[0], c.Body[len(c.Body)-1]
	if !firstOnLine(f.Src, first.Start) {
		return f.unfold(c, lines)
	}
	lines = indented(indentAt(f.Src, first.Start), lines)
	filler := &first
	if isDocstring(&first) && len(c.Body) == 2 {
		filler = &last
	}
	switch {
	case at >= 0:
		return []Span{f.after(c.Body[lastOfLine(f.Src, c.Body, at)].End, lines...)}
	case isFiller(filler) && filler.End == last.End:
		text := strings.TrimLeft(strings.Join(lines, f.Newline()), " \t")
		return []Span{{filler.Start, filler.End, text}}
	case isDocstring(&first):
		return []Span{f.belowDocstring(c, lines)}
	}
	return []Span{f.before(first.Start, append(lines, "")...)}
}

// belowDocstring keeps one blank line above what it inserts, and one below when
// more follows.
func (f *PyFile) belowDocstring(c *Stmt, lines []string) Span {
	end := c.Body[lastOfLine(f.Src, c.Body, 0)].End
	lines = append([]string{""}, lines...)
	if next := lineEnd(f.Src, end); len(c.Body) > 1 && lineEnd(f.Src, next)-next > len(f.Newline()) {
		lines = append(lines, "")
	}
	return f.after(end, lines...)
}

// isFiller reports whether a statement is there only because a body can't be empty.
func isFiller(s *Stmt) bool {
	return s.Kind == "pass" || s.Kind == "expr" && s.Value.Kind == "const" && s.Value.Name == "..."
}

// unfold gives a body that stands on the line of its class lines of its own.
func (f *PyFile) unfold(c *Stmt, lines []string) []Span {
	nl, indent := f.Newline(), indentAt(f.Src, c.Start)+"    "
	first, last := c.Body[0], c.Body[len(c.Body)-1]
	start := first.Start
	for start > 0 && (f.Src[start-1] == ' ' || f.Src[start-1] == '\t') {
		start--
	}
	start-- // the colon, so that a Put can tell what stood on its line
	text := strings.Join(indented(indent, lines), nl)
	if len(c.Body) == 1 && isFiller(&first) {
		return []Span{{start, first.End, ":" + nl + text}}
	}
	added := f.after(last.End, strings.Split(text, nl)...)
	return []Span{{start, first.Start, ":" + nl + indent}, added}
}

// Option is a configuration value of a Settings class, wherever pydantic lets it
// be written: model_config, a class keyword, an inner Config; also inherited
// within the file.
func (f *PyFile) Option(class, name string) *Expr {
	for _, c := range f.lineage(class) {
		if v := keyword(c.Keywords, name); v != nil {
			return v
		}
		for i := range c.Body {
			s := &c.Body[i]
			if s.Kind == "assign" && s.Binds("model_config") {
				if v := s.Value.Keyword(name); v != nil {
					return v
				}
			}
			if s.Kind == "class" && s.Name == "Config" {
				for j := range s.Body {
					if s.Body[j].Kind == "assign" && s.Body[j].Binds(name) {
						return s.Body[j].Value
					}
				}
			}
		}
	}
	return nil
}

// Extra is what a Settings class does with unknown keys of its env file: "forbid"
// (pydantic-settings' default), "ignore", "allow", or "" when that can't be read.
func (f *PyFile) Extra(class string) string {
	v := f.Option(class, "extra")
	switch {
	case v == nil:
		return "forbid"
	case v.Kind == "str":
		return v.Name
	case v.Kind == "name" && strings.Contains(v.Name, "Extra."):
		return v.Name[strings.LastIndexByte(v.Name, '.')+1:]
	}
	return ""
}

// IgnoreExtra makes a Settings class ignore keys of the env file that it does not
// know. One that forbids them in so many words keeps doing so: that is for its
// owner to decide.
func IgnoreExtra(f *PyFile, class string) Result {
	const snippet = `model_config = SettingsConfigDict(extra="ignore")  # keep your other options`
	c := f.Class(class)
	if c == nil {
		return f.cannot(fmt.Sprintf("no top-level class %q", class), snippet)
	}
	if extra := f.Extra(class); extra == "ignore" || extra == "allow" {
		return f.there()
	}
	if v := f.Option(class, "extra"); v != nil {
		return f.cannot(fmt.Sprintf("class %s sets extra to %q", class, f.text(v)), snippet)
	}
	spans, puts, ok := f.extraSpans(c)
	if !ok {
		return f.cannot(fmt.Sprintf("line %d: the configuration of %s is put together elsewhere", c.Line, class), snippet)
	}
	return f.done(puts, spans...)
}

func (f *PyFile) extraSpans(c *Stmt) (spans []Span, puts []Put, ok bool) {
	for i := range c.Body {
		s := &c.Body[i]
		switch {
		case s.Kind == "assign" && s.Binds("model_config"):
			spans, ok = f.extraInConfig(s.Value)
			return spans, []Put{{Kind: "ignore", Key: c.Name, Text: spansText(spans), Old: unixText(f.text(s.Value))}}, ok
		case s.Kind == "class" && s.Name == "Config":
			last := len(s.Body) - 1
			if isFiller(&s.Body[last]) || isDocstring(&s.Body[last]) {
				last = -1
			}
			return f.extraMember(s, c.Name, `extra = "ignore"`, last)
		}
	}
	spans, puts, ok = f.extraMember(c, c.Name, `model_config = SettingsConfigDict(extra="ignore")`, -1)
	imports, more := f.importSpans(c.Start, []Import{{"pydantic_settings", "SettingsConfigDict"}})
	return append(spans, imports...), append(puts, more...), ok
}

// extraMember adds a line to the body of a Settings class or of its Config.
func (f *PyFile) extraMember(in *Stmt, class, line string, at int) ([]Span, []Put, bool) {
	spans := f.memberSpans(in, []string{line}, at)
	puts := []Put{{Kind: "ignore", Key: class, Text: line + "\n"}}
	f.describe(puts, spans)
	return spans, puts, true
}

func spansText(spans []Span) string {
	text := ""
	for _, s := range spans {
		text += unixText(s.New)
	}
	return text
}

// extraInConfig adds the option to a call of SettingsConfigDict or to a dict.
func (f *PyFile) extraInConfig(config *Expr) ([]Span, bool) {
	if config == nil || config.Kind != "call" && config.Kind != "dict" || keyword(config.Keywords, "**") != nil || len(config.Args) > 0 {
		return nil, false
	}
	option := `extra="ignore"`
	if config.Kind == "dict" {
		option = `"extra": "ignore"`
	}
	if len(config.Keywords) == 0 {
		at := config.End - 1
		return []Span{{at, at, option}}, true
	}
	last := config.Keywords[len(config.Keywords)-1]
	if spans, ok := f.ownLine(last, option); ok {
		return spans, true
	}
	if config.Kind == "dict" { // what follows a value may be the bracket around it
		return []Span{{config.Start + 1, config.Start + 1, option + ", "}}, true
	}
	return []Span{{last.End, last.End, ", " + option}}, true
}

// ownLine puts an option on the line below the last one, when that one has its
// own; a comment behind it stays there.
func (f *PyFile) ownLine(last Expr, option string) ([]Span, bool) {
	rest, _, _ := strings.Cut(string(f.Src[last.End:lineEnd(f.Src, last.End)]), "#")
	rest = strings.TrimSpace(rest)
	if !firstOnLine(f.Src, last.KeyStart) || rest != "" && rest != "," {
		return nil, false
	}
	spans := []Span{f.after(last.End, indentAt(f.Src, last.KeyStart)+option+",")}
	if rest == "" {
		spans = append(spans, Span{last.End, last.End, ","})
	}
	return spans, true
}
