package install

// Failure is an end without any change: exit status 1. It always says the three
// things a user needs: what happened, what was left untouched, what to do.
type Failure struct {
	What      string // file:line and the value quoted, where there is one
	Untouched string
	Hint      string
	Detail    string // output of a tool or a traceback, shown between What and Hint
}

func (f *Failure) Error() string { return f.What }

// Usage is a wrong call: exit status 2.
type Usage struct{ What, Hint string }

func (u *Usage) Error() string { return u.What }

const nothingWritten = "nothing was written; no package was installed"

func failure(what, hint string) *Failure {
	return &Failure{What: what, Untouched: nothingWritten, Hint: hint}
}

// Report is what a command did, or would do. It is what --json prints; the shape
// is documented in the README and only ever gains fields.
type Report struct {
	Command   string     `json:"command"`
	Status    Status     `json:"status"`
	Headline  string     `json:"summary,omitempty"` // the result in one line
	Stack     string     `json:"stack,omitempty"`
	Types     []string   `json:"types,omitempty"`
	Entry     string     `json:"entry,omitempty"` // file in which the app is made
	Serve     string     `json:"serve,omitempty"` // what a server is given, "app.main:app"
	Files     []File     `json:"files"`
	Packages  *Packages  `json:"packages,omitempty"`
	Routes    []Route    `json:"routes,omitempty"` // as the booted app really mounts them
	Migration *Migration `json:"migration,omitempty"`
	Left      []Left     `json:"left,omitempty"`  // work for the user: exit status 3
	Notes     []string   `json:"notes,omitempty"` // what a user should know: nothing is to be done
	Next      []string   `json:"next,omitempty"`  // what a user would run now
	Diff      string     `json:"diff,omitempty"`
}

// Status of a report.
type Status string

// A run ends in one of these.
const (
	StatusDone    Status = "done"
	StatusNothing Status = "nothing-to-do"
	StatusDryRun  Status = "dry-run"
	StatusLeft    Status = "work-left"
)

// File is one file that was or would be written.
type File struct {
	Path   string `json:"path"`
	Action string `json:"action"` // "create" or "edit"
}

// Packages says which dependencies were or are to be added.
type Packages struct {
	Manager  string   `json:"manager"`
	Added    []string `json:"added"`
	Removed  []string `json:"removed,omitempty"`
	Commands []string `json:"commands,omitempty"` // to run by hand; set when they were not run
}

// Route is one route of the module in the user's app.
type Route struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// Migration is the revision that was made.
type Migration struct {
	Revision string `json:"revision"`
	File     string `json:"file"`
	Applied  bool   `json:"applied"`
	Command  string `json:"command,omitempty"` // applies it, when that was not done
}

// Left is one thing that fastman could not or must not do itself.
type Left struct {
	What string `json:"what"`
	Do   string `json:"do"` // ready to paste or run
}

func (r *Report) note(what string) { r.Notes = append(r.Notes, what) }

func (r *Report) left(what, do string) { r.Left = append(r.Left, Left{What: what, Do: do}) }

// settle gives the report its final status.
func (r *Report) settle() *Report {
	if r.Status == "" {
		r.Status = StatusDone
	}
	if len(r.Left) > 0 && r.Status == StatusDone {
		r.Status = StatusLeft
	}
	return r
}
