package edit

import (
	"go/scanner"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

var quotedWord = regexp.MustCompile(`"[^"\s]*"`)

// MapGoStrings replaces the string literals of Go source, whatever their quotes, and
// words in quotes in its comments.
func MapGoStrings(src string, change func(string) string) string {
	return mapGoTokens(src, func(kind token.Token, text string) string {
		switch kind {
		case token.COMMENT:
			return quotedWord.ReplaceAllStringFunc(text, func(q string) string { return `"` + change(q[1:len(q)-1]) + `"` })
		case token.STRING:
		default:
			return text
		}
		value, err := strconv.Unquote(text)
		if err != nil {
			return text
		}
		changed := change(value)
		switch {
		case changed == value:
			return text
		case text[0] == '`' && !strings.Contains(changed, "`"):
			return "`" + changed + "`"
		}
		return strconv.Quote(changed)
	})
}

// RenameGo replaces identifiers of Go source, in comments as well. An import whose
// package is among them gets the new name.
func RenameGo(src string, names map[string]string) string {
	word := regexp.MustCompile(`\b[A-Za-z_]\w*\b`)
	changed := func(name string) string {
		if to, there := names[name]; there {
			return to
		}
		return name
	}
	return mapGoTokens(src, func(kind token.Token, text string) string {
		switch {
		case kind == token.IDENT:
			return changed(text)
		case kind == token.COMMENT:
			return word.ReplaceAllStringFunc(text, func(w string) string {
				if w == "auth" {
					return w // also an English word
				}
				return changed(w)
			})
		case kind == token.STRING && strings.HasSuffix(text, `/auth"`) && changed("auth") != "auth":
			return changed("auth") + " " + text
		}
		return text
	})
}

// SetGoPackage names the package of Go source.
func SetGoPackage(src, name string) string {
	after := false
	return mapGoTokens(src, func(kind token.Token, text string) string {
		named := after && kind == token.IDENT
		after = kind == token.PACKAGE
		if named {
			return name
		}
		return text
	})
}

// mapGoTokens replaces the text of tokens; what stands between them stays.
func mapGoTokens(src string, change func(kind token.Token, text string) string) string {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(src))
	s.Init(file, []byte(src), nil, scanner.ScanComments)
	var out strings.Builder
	last := 0
	for {
		pos, kind, text := s.Scan()
		if kind == token.EOF {
			break
		}
		if kind == token.SEMICOLON && text == "\n" {
			continue
		}
		at := file.Offset(pos)
		if text == "" {
			text = kind.String()
		}
		out.WriteString(src[last:at])
		out.WriteString(change(kind, text))
		last = at + len(text)
	}
	return out.String() + src[last:]
}

// RenameTable gives a table another name in SQL: where a statement names it, in front
// of a column, and in the names of its indexes.
func RenameTable(sql, from, to string) string {
	if from == to {
		return sql
	}
	name := regexp.QuoteMeta(from)
	named := regexp.MustCompile(`(?i)\b((?:FROM|JOIN|INTO|UPDATE|TABLE|EXISTS|REFERENCES|ON)\s+)` + name + `\b`)
	column := regexp.MustCompile(`\b` + name + `\.`)
	index := regexp.MustCompile(`\b(ix_)` + name + `_`)
	sql = named.ReplaceAllString(sql, "${1}"+to)
	sql = column.ReplaceAllString(sql, to+".")
	return index.ReplaceAllString(sql, "${1}"+to+"_")
}
