package project

import (
	"fmt"
	"strings"
)

// NotAProject is a folder without a FastAPI app.
type NotAProject struct {
	Dir    string
	Looked string // what was looked at
}

func (e *NotAProject) Error() string {
	return fmt.Sprintf("%s: no FastAPI app found: %s", e.Dir, e.Looked)
}

// Hint says what to do.
func (e *NotAProject) Hint() string {
	return "run this in the folder of a FastAPI or Go project, or begin one: fastman new shop"
}

// NoPython is a machine without a usable interpreter for the project.
type NoPython struct{ Looked []string }

func (e *NoPython) Error() string {
	return "no Python interpreter found; looked at:\n    " + strings.Join(e.Looked, "\n    ")
}

// Hint says what to do.
func (e *NoPython) Hint() string {
	return "make a virtual environment in the project: python3 -m venv .venv"
}

// OldPython is an interpreter that fastman's code does not run on.
type OldPython struct{ Path, Version string }

func (e *OldPython) Error() string {
	return fmt.Sprintf("%s is Python %s; 3.10 or newer is needed", e.Path, e.Version)
}

// Hint says what to do.
func (e *OldPython) Hint() string {
	return "make the virtual environment anew with a newer Python: python3.12 -m venv --clear .venv"
}

// Unreadable is a file that is needed and can't be read.
type Unreadable struct {
	Path    string
	Line    int
	Message string
}

func (e *Unreadable) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Path, e.Message)
}

// Hint says what to do.
func (e *Unreadable) Hint() string { return "correct the file, then run again" }

// Ambiguous is a project with several apps and nothing that tells which is meant.
type Ambiguous struct{ Apps []string } // "module:name"

func (e *Ambiguous) Error() string {
	return "several FastAPI apps found: " + strings.Join(e.Apps, ", ")
}

// Hint says what to do.
func (e *Ambiguous) Hint() string { return "name the one you mean: --app=" + e.Apps[0] }

// NoSuchApp is an app that was named and is not there.
type NoSuchApp struct{ App, Source string }

func (e *NoSuchApp) Error() string {
	return fmt.Sprintf("%s names the app %q, which was not found", e.Source, e.App)
}

// Hint says what to do.
func (e *NoSuchApp) Hint() string { return "name it as module:variable, such as --app=app.main:app" }
