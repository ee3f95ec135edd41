package conformance

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// What follows is how much of an app its owner may have changed, where the target says
// that there is one: texts, pages that links lead to, and further fields.

// says is whether an error answer has that text, or one of the app's owner's.
func (a *answer) says(text string) bool {
	have := a.detail()
	return have == text || a.t.target.OwnTexts && have != ""
}

// titled is whether the subject of a mail ends with a text.
func (t *T) titled(m Mail, text string) bool {
	return strings.HasSuffix(m.Subject, text) || t.target.OwnTexts && m.Subject != ""
}

// tells is whether a mail holds a text.
func (t *T) tells(m Mail, text string) bool {
	return strings.Contains(m.Text, text) || t.target.OwnTexts && m.Text != ""
}

// leadsTo is whether a mailed link leads to the page for a purpose: of an owner's app to
// any page of it.
func (t *T) leadsTo(address, purpose string) bool {
	return address == t.linkAddress(purpose) || t.target.OwnTexts && strings.HasPrefix(address, publicURL+"/")
}

// leadsHome is whether a browser is sent to where a sign-in leads that names no page.
func (t *T) leadsHome(location string) bool {
	own := strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//")
	return location == t.page("/me") || t.target.OwnTexts && own
}

// hidden are names of what an answer must not hold, whoever has added it.
var hidden = regexp.MustCompile(`(?i)pass|hash|secret|salt|token|_key|handle`)

// mayHave is whether objects may have a field besides those of the contract.
func (t *T) mayHave(field string) bool { return t.target.OwnTexts && !hidden.MatchString(field) }

// only are the names of an object without those that an owner has added.
func (t *T) only(object map[string]any, contract []string) []string {
	return slices.DeleteFunc(sortedKeys(object), func(name string) bool { return !slices.Contains(contract, name) && t.mayHave(name) })
}

// shortest expects that a password of as many characters as the least is taken. An owner
// may want longer ones.
func (t *T) shortest(password string) {
	a := t.tryRegister(password)
	if t.target.OwnTexts && a.status == http.StatusUnprocessableEntity {
		t.tryRegister(strings.Repeat(password, 2)).expect(codePoints(password)+" twice", http.StatusCreated)
		return
	}
	a.expect(codePoints(password), http.StatusCreated)
}
