package install

import (
	"regexp"
	"strings"

	"fastman/internal/feature"
	"fastman/templates"
)

// Common holds the flags of every command that writes.
type Common struct {
	Dir    string
	DryRun bool
	Diff   bool
	Yes    bool
	JSON   bool
	NoDeps bool
	NoBoot bool

	Templates *templates.Library // nil is what fastman is built with

	Progress func(line string)                              // told what is going on; nil is silence
	Typed    func(prompt string) string                     // returns the line that is typed; nil where nothing can be
	Ask      func(question string, answers []string) string // asks on a terminal; nil when there is none
}

// AuthOptions are the flags of install:auth.
type AuthOptions struct {
	Common
	Stack      string
	Types      []feature.Type
	Providers  []feature.Provider
	UI         bool // with the page of passkey
	Prefix     string
	UsersTable string
	App        string

	fresh bool // the project was made a moment ago, by New
}

// What --prefix and --users-table are without a word of the user's.
const (
	usualPrefix = "/auth"
	usualTable  = "users"
)

var (
	prefixForm = regexp.MustCompile(`^(/[a-z0-9][a-z0-9._-]*)+$`)
	tableForm  = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,49}$`)
	nameForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
)

func (o *AuthOptions) check() error {
	if err := checkStack(o.Stack); err != nil {
		return err
	}
	if !prefixForm.MatchString(o.Prefix) {
		return &Usage{What: "--prefix " + quote(o.Prefix) + " is not a path of lower-case words", Hint: "as in: --prefix=/auth"}
	}
	if !tableForm.MatchString(o.UsersTable) || strings.HasPrefix(o.UsersTable, "auth_") {
		return &Usage{What: "--users-table " + quote(o.UsersTable) + " is not a plain table name", Hint: "as in: --users-table=accounts"}
	}
	return nil
}

// CheckUI refuses a page without what it is the page of.
func CheckUI(ui bool, set feature.Set) error {
	if ui && !set.Has(feature.Passkey) {
		return &Usage{What: "--ui is the page of the type passkey", Hint: "fastman install:auth --type=passkey --ui"}
	}
	return nil
}

// library is the stock of templates that a command works with.
func (c *Common) library() *templates.Library {
	if c.Templates == nil {
		c.Templates = templates.Builtin()
	}
	return c.Templates
}

func quote(s string) string { return `"` + s + `"` }

func (c *Common) say(line string) {
	if c.Progress != nil {
		c.Progress(line)
	}
}
