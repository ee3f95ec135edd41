package conformance

import (
	"sync"
	"time"
)

// together sends calls at the same moment and returns their answers in order.
func (t *T) together(calls []call) []*answer {
	answers := make([]*answer, len(calls))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() {
			<-start
			answers[i] = t.try(t, c)
		})
	}
	close(start)
	all.Wait()
	return answers
}

// within reports whether something comes true before patience ends.
func within(patience time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return done()
}

// wantLocated expects a 422 whose first finding points to loc.
func (a *answer) wantLocated(loc ...string) {
	for _, finding := range a.findings() {
		if len(finding.Loc) >= len(loc) && equalLoc(finding.Loc[:len(loc)], loc) {
			return
		}
	}
	a.errorf("no finding is located at %q", loc)
}

// finding is one element of a 422's detail.
type finding struct {
	Loc  []any
	Type string
	Msg  string
}

// findings reads the detail of a 422.
func (a *answer) findings() []finding {
	list, ok := a.object()["detail"].([]any)
	if !ok || len(list) == 0 {
		a.errorf("detail is not a list of findings")
	}
	var all []finding
	for _, element := range list {
		fields, _ := element.(map[string]any)
		f := finding{}
		f.Loc, _ = fields["loc"].([]any)
		f.Type, _ = fields["type"].(string)
		f.Msg, _ = fields["msg"].(string)
		if len(f.Loc) == 0 || f.Type == "" || f.Msg == "" || len(fields) != 3 {
			a.errorf("a finding has other fields than loc, type and msg")
		}
		all = append(all, f)
	}
	return all
}

func equalLoc(have []any, want []string) bool {
	for i := range want {
		if have[i] != want[i] {
			return false
		}
	}
	return true
}
