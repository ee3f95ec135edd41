package conformance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watch sees what runs on which lane.
type watch struct {
	t       *testing.T
	lock    sync.Mutex
	running map[string]string // case by the URL of its lane
	ended   []string
}

func (w *watch) begin(name, lane string) (others int) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if other, busy := w.running[lane]; busy {
		w.t.Errorf("%s begins on %s while %s runs there", name, lane, other)
	}
	w.running[lane] = name
	return len(w.running) - 1
}

func (w *watch) end(name, lane string) {
	w.lock.Lock()
	defer w.lock.Unlock()
	delete(w.running, lane)
	w.ended = append(w.ended, name)
}

// cases are so many of a turn; each meets what else runs.
func (w *watch) cases(turn Turn, n int, meets func(t *T, others int)) (all []Case) {
	for i := range n {
		name := fmt.Sprint(turn, "/", i)
		all = append(all, Case{Name: name, Turn: turn, Run: func(t *T) {
			others := w.begin(name, t.target.URL)
			t.defers(func() { w.end(name, t.target.URL) })
			meets(t, others)
		}})
	}
	return all
}

func threeLanes() []Target {
	return []Target{{URL: "http://one"}, {URL: "http://two"}, {URL: "http://three"}}
}

// Lanes share the cases: each is judged once, none meets another on its lane, those that
// measure time meet nobody, and those that come last have seen all others.
func TestLanesShareCases(t *testing.T) {
	w := &watch{t: t, running: map[string]string{}}
	var together atomic.Bool
	anybody := func(_ *T, others int) {
		together.Store(together.Load() || others > 0)
		time.Sleep(time.Millisecond)
	}
	nobody := func(t *T, others int) {
		if others > 0 {
			t.Errorf("%d others run", others)
		}
	}
	cases := slices.Concat(w.cases(Last, 2, nobody), w.cases(Alone, 5, nobody), w.cases(Anytime, 60, anybody), w.cases(Early, 7, anybody))
	judged := map[string]int{}
	for result := range inTurns(t.Context(), threeLanes(), cases) {
		judged[result.Case.Name]++
		if result.Outcome != Passed {
			t.Errorf("%s: %s %s", result.Case.Name, result.Outcome, result.Detail)
		}
	}
	for _, c := range cases {
		if judged[c.Name] != 1 {
			t.Errorf("%s is judged %d times", c.Name, judged[c.Name])
		}
	}
	if !together.Load() {
		t.Error("no case ever runs beside another")
	}
	if last := w.ended[len(w.ended)-2:]; !slices.Equal(last, []string{"3/0", "3/1"}) {
		t.Errorf("the last cases are %v", last)
	}
}

// Whoever breaks off gets no further result, and finds all that was under way tidied up.
func TestLanesEndTogether(t *testing.T) {
	for name, stop := range map[string]func(cancel func()) bool{
		"Ctrl-C": func(cancel func()) bool { cancel(); return true },
		"break":  func(func()) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := &watch{t: t, running: map[string]string{}}
			results, wanted := 0, make(chan struct{}, 60)
			wait := func(t *T, _ int) {
				select {
				case <-wanted:
				case <-t.Done():
				}
			}
			wanted <- struct{}{}
			for range inTurns(ctx, threeLanes(), w.cases(Anytime, 60, wait)) {
				if results++; results == 10 && !stop(cancel) {
					break
				}
				wanted <- struct{}{}
			}
			if results > 10 {
				t.Errorf("%d results after the tenth", results-10)
			}
			if len(w.running) > 0 {
				t.Errorf("%v still runs", w.running)
			}
			if len(w.ended) > 14 { // and those that were under way
				t.Errorf("%d of 60 cases have run", len(w.ended))
			}
		})
	}
}
