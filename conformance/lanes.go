package conformance

import (
	"context"
	"iter"
	"sync"

	"fastman/internal/feature"
)

// Turn is when a case runs.
type Turn int

const (
	Anytime Turn = iota
	// Early is for cases that wait for long: others run meanwhile.
	Early
	// Alone is for cases that measure time or take the whole machine.
	Alone
	// Last is for cases that look at what all others have left behind.
	Last
)

// Run runs the cases that filter lets through, all of them when it is nil, and yields
// each result as it is there.
func Run(ctx context.Context, target Target, filter func(Case) bool) iter.Seq[Result] {
	return Share(ctx, []Target{target}, filter)
}

// Share is Run on lanes: the same app several times, each with a database, a mailbox and
// providers of its own. A lane runs one case at a time, so that no case sees the traffic
// of another; a case runs on one lane only. Ending early waits for the cases under way.
func Share(ctx context.Context, lanes []Target, filter func(Case) bool) iter.Seq[Result] {
	lanes = abreast(lanes)
	return func(yield func(Result) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		turns := byTurn(lanes[0].Set, filter)
		_ = share(ctx, lanes, append(turns[Early], turns[Anytime]...), yield) &&
			share(ctx, lanes[:1], turns[Alone], yield) &&
			share(ctx, lanes[:1], turns[Last], yield)
	}
}

// abreast are lanes that know each other, and search each other's logs for secrets.
func abreast(lanes []Target) []Target {
	all, secrets := make([]Target, len(lanes)), newSecrets()
	for i, lane := range lanes {
		all[i] = lane.withDefaults(secrets)
	}
	for i := range all {
		all[i].lanes = all
	}
	return all
}

func byTurn(set feature.Set, filter func(Case) bool) map[Turn][]Case {
	turns := map[Turn][]Case{}
	for _, c := range Cases(set) {
		if filter == nil || filter(c) {
			turns[c.Turn] = append(turns[c.Turn], c)
		}
	}
	return turns
}

// share lets each lane take the next case when it is free. It is false once ctx has ended
// or yield wants no more, and returns when the cases under way have ended.
func share(ctx context.Context, lanes []Target, cases []Case, yield func(Result) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan Result, len(cases))
	go func() {
		defer close(results)
		runAll(ctx, lanes, cases, results)
	}()
	for result := range results {
		if ctx.Err() == nil && !yield(result) {
			cancel()
		}
	}
	return ctx.Err() == nil
}

func runAll(ctx context.Context, lanes []Target, cases []Case, results chan<- Result) {
	queue := make(chan Case, len(cases))
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	var all sync.WaitGroup
	for _, lane := range lanes {
		all.Go(func() {
			for c := range queue {
				if ctx.Err() != nil {
					return
				}
				results <- runCase(ctx, lane, c)
			}
		})
	}
	all.Wait()
}
