package conformance

import (
	"context"
	"iter"
	"slices"
	"sync"
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
	cases := Cases(lanes[0].Set)
	if filter != nil {
		cases = slices.DeleteFunc(cases, func(c Case) bool { return !filter(c) })
	}
	return inTurns(ctx, lanes, cases)
}

func inTurns(ctx context.Context, lanes []Target, cases []Case) iter.Seq[Result] {
	lanes = abreast(lanes)
	turns := map[Turn][]Case{}
	for _, c := range cases {
		turns[c.Turn] = append(turns[c.Turn], c)
	}
	return func(yield func(Result) bool) {
		_ = share(ctx, lanes, yield, turns[Early], turns[Anytime]) &&
			share(ctx, lanes[:1], yield, turns[Alone]) &&
			share(ctx, lanes[:1], yield, turns[Last])
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

// share lets each lane take the next case when it is free: every other lane begins with
// another list, so that some wait while others work. It returns when all under way have
// ended, and is false once ctx has ended or yield wants no more.
func share(ctx context.Context, lanes []Target, yield func(Result) bool, lists ...[]Case) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan Result, len(slices.Concat(lists...))) // whoever breaks off reads no more
	go func() {
		defer close(results)
		runAll(ctx, lanes, lists, results)
	}()
	for result := range results {
		if ctx.Err() == nil && !yield(result) {
			cancel()
		}
	}
	return ctx.Err() == nil
}

func runAll(ctx context.Context, lanes []Target, lists [][]Case, results chan<- Result) {
	var queues []<-chan Case
	for _, cases := range lists {
		queues = append(queues, queued(cases))
	}
	var all sync.WaitGroup
	for i, lane := range lanes {
		i %= len(queues)
		mine := slices.Concat(queues[i:], queues[:i])
		all.Go(func() {
			for _, queue := range mine {
				for c := range queue {
					if ctx.Err() != nil {
						return
					}
					results <- runCase(ctx, lane, c)
				}
			}
		})
	}
	all.Wait()
}

func queued(cases []Case) <-chan Case {
	queue := make(chan Case, len(cases))
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	return queue
}
