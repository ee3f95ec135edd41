package project

import (
	"fmt"
	"strings"
)

// NoServer is a module in which nothing serves HTTP.
type NoServer struct {
	Module string
	Mains  []string
}

func (e *NoServer) Error() string {
	looked := "it has no main package"
	if len(e.Mains) > 0 {
		looked = "looked at " + strings.Join(e.Mains, ", ") + " and what they import"
	}
	return fmt.Sprintf("go.mod: no HTTP server of net/http found in module %s: %s", e.Module, looked)
}

// Hint says what to do.
func (e *NoServer) Hint() string {
	return "run this in the folder of a Go server, or begin one: fastman new shop --stack=go"
}

// ForeignServer is an app on a framework that is not built on net/http.
type ForeignServer struct{ Module string }

func (e *ForeignServer) Error() string {
	return fmt.Sprintf("go.mod: %s does not serve net/http handlers, which the sign-in is", e.Module)
}

// Hint says what to do.
func (e *ForeignServer) Hint() string {
	return "use a router that is a http.Handler (net/http, chi, gin, echo), or a server of its own: fastman new auth --stack=go --type=jwt"
}

// AmbiguousGo is a module with several programs that serve.
type AmbiguousGo struct{ Mains []string }

func (e *AmbiguousGo) Error() string {
	return "several programs serve HTTP: " + strings.Join(e.Mains, ", ")
}

// Hint says what to do.
func (e *AmbiguousGo) Hint() string { return "name the one you mean: --app=" + e.Mains[0] }

// NoSuchMain is a program that was named and is not there.
type NoSuchMain struct {
	App   string
	Mains []string
}

func (e *NoSuchMain) Error() string {
	return fmt.Sprintf("--app=%s: no main package there", e.App)
}

// Hint says what to do.
func (e *NoSuchMain) Hint() string {
	if len(e.Mains) == 0 {
		return "name the folder of a main package"
	}
	return "name the folder of a main package: " + strings.Join(e.Mains, ", ")
}
