package main

import "fmt"

// stack says what is compared, and how well the generated app has to do.
type stack struct {
	about    string // what the apps are, as the report says it
	bounds   bounds
	prepare  func(*bed) // makes the generated app, and what its peers need
	versions func(*bed) string
	migrate  func(*bed, *data) // makes the tables
	apps     func(*bed, *data) []*server
	hashing  func(*bed, string) []string // a command that prints how many hashes bcrypt alone makes in a second
}

// bounds are the ratios and limits that the generated app has to keep.
type bounds struct {
	me, mixed, refresh float64 // of the bare handler
	peer               float64 // /me on SQLite, of the library that people use instead; 0 without one
	memory             float64 // MB at the peak; 0 where there is no bound
	start              float64 // ms until the first answer; 0 where there is no bound
}

var stacks = map[string]stack{"fastapi": fastAPI, "go": golang}

func chosenStack(name string) (stack, error) {
	s, known := stacks[name]
	if !known {
		return s, fmt.Errorf("unknown stack %q: there is fastapi, and go", name)
	}
	return s, nil
}

// The roles of the compared apps.
const (
	ours     = "generated app"
	bareName = "bare handler"
	peerName = "fastapi-users"
)
