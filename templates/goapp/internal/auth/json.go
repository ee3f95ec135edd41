package auth

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonMaxDepth is how deep a document may be nested.
const jsonMaxDepth = 900

// isUnambiguous tells whether a document is JSON that no two parsers can read differently
// (RFC 8259, RFC 7493).
func isUnambiguous(document []byte) bool {
	return utf8.Valid(document) && json.Valid(document) && !hasLoneSurrogate(document) && hasUniqueKeys(numberDecoder(document), 0)
}

// numberDecoder leaves numbers as they are written, so that none is out of range.
func numberDecoder(body []byte) *json.Decoder {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	return decoder
}

// hasUniqueKeys reads one value, and reports whether no object in it has a key twice.
func hasUniqueKeys(decoder *json.Decoder, depth int) bool {
	token, err := decoder.Token()
	if err != nil || depth > jsonMaxDepth {
		return false
	}
	open, isCompound := token.(json.Delim)
	if !isCompound {
		return true
	}
	seen := map[json.Token]bool{}
	for decoder.More() {
		if open == '{' {
			key, err := decoder.Token()
			if err != nil || seen[key] {
				return false
			}
			seen[key] = true
		}
		if !hasUniqueKeys(decoder, depth+1) {
			return false
		}
	}
	_, err = decoder.Token()
	return err == nil
}

// hasLoneSurrogate finds a \u escape of half a character, which encoding/json would
// replace. In valid JSON a backslash stands in strings only.
func hasLoneSurrogate(document []byte) bool {
	for {
		at := bytes.IndexByte(document, '\\')
		if at < 0 {
			return false
		}
		document = document[at:]
		if document[1] != 'u' {
			document = document[2:]
			continue
		}
		unit := escapedUnit(document)
		document = document[6:]
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if utf16.DecodeRune(unit, escapedUnit(document)) == utf8.RuneError {
			return true
		}
		document = document[6:]
	}
}

// escapedUnit returns the UTF-16 unit of a \uXXXX that the text begins with, or 0.
func escapedUnit(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(unit)
}
