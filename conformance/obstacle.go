package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
)

// Obstacle is what an app's owner has changed so that a case can show nothing.
type Obstacle struct {
	Gone  string // a route that the app has no more: "POST /register"
	Field string // one that a body must have, and that the contract does not know
	Route string // what asks for it
	// Column of users that must have a value, and that the contract does not know.
	Column string
}

func (o *Obstacle) String() string {
	switch {
	case o.Gone != "":
		return o.Gone + " is not in the app any more"
	case o.Column != "":
		return "the table of users wants a value that the suite does not know: " + o.Column + ": give the column a default"
	}
	return fmt.Sprintf("%s asks for the field %q, which the suite does not know: let the app do without it, or give it a default", o.Route, o.Field)
}

// fields are those of the contract's bodies.
var fields = []string{
	"email", "username", "password", "current_password", "new_password", "token", "refresh_token", "code", "code_verifier",
	"credential", "device_name", "id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle",
}

// foreignField is what an answer says is missing from a body that has all that it needs.
func foreignField(a *answer) string {
	if a.status != http.StatusUnprocessableEntity {
		return ""
	}
	var problems struct {
		Detail []struct {
			Type string
			Loc  []any
		}
	}
	if json.Unmarshal(a.body, &problems) != nil {
		return ""
	}
	for _, p := range problems.Detail {
		name := ""
		if len(p.Loc) > 1 {
			name, _ = p.Loc[len(p.Loc)-1].(string)
		}
		if p.Type == "missing" && name != "" && !slices.Contains(fields, name) {
			return name
		}
	}
	return ""
}

// unknownColumn is how databases say that a column has no value and needs one.
var unknownColumn = regexp.MustCompile(`(?i)NOT NULL constraint failed: \S+|null value in column \S+`)

// insertUser makes a row of users as an app of before had it.
func (t *T) insertUser(statement string, arguments ...any) {
	_, err := t.target.DB.ExecContext(t, t.target.statement(statement), arguments...)
	if err == nil {
		return
	}
	if column := unknownColumn.FindString(err.Error()); column != "" {
		t.block(Obstacle{Column: column})
	}
	t.Fatalf("%s: %v", statement, err)
}

// block notes what a case cannot get past; the first one counts. It is safe for
// concurrent use.
func (t *T) block(o Obstacle) { t.verdict.obstacle.CompareAndSwap(nil, &o) }

// isBlocked tells that what the case sees from here on says nothing.
func (t *T) isBlocked() bool { return t.verdict.obstacle.Load() != nil }
