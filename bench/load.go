package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// requestTimeout is when an answer counts as missing.
const requestTimeout = 30 * time.Second

// sample is what one measurement saw.
type sample struct {
	perSecond float64
	p99       time.Duration
	failed    int // no answer, or one without the wanted status
}

// complain is done once: of many failures the first tells the most.
var complain sync.Once

// next makes the next request of a connection and looks at the answer's body.
type next func(connection int) (*http.Request, func(body []byte))

// load keeps so many connections busy for a while, each with a request at a time.
func load(connections int, span time.Duration, n next) sample {
	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true,
	}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	took, failed := make([][]time.Duration, connections), make([]int, connections)
	began := time.Now()
	deadline := began.Add(span)
	for c := range connections {
		all.Go(func() {
			for time.Now().Before(deadline) {
				request, look := n(c)
				start := time.Now()
				if err := send(client, request, look); err != nil {
					complain.Do(func() { fmt.Fprintln(os.Stderr, "bench: first failure:", err) })
					failed[c]++
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	all.Wait()
	return summary(took, failed, time.Since(began))
}

func send(client *http.Client, request *http.Request, look func([]byte)) error {
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d %s", request.URL.Path, answer.StatusCode, body)
	}
	if look != nil {
		look(body)
	}
	return nil
}

func summary(took [][]time.Duration, failed []int, span time.Duration) sample {
	all := slices.Concat(took...)
	slices.Sort(all)
	s := sample{perSecond: float64(len(all)) / span.Seconds()}
	if len(all) > 0 {
		s.p99 = all[len(all)*99/100]
	}
	for _, n := range failed {
		s.failed += n
	}
	return s
}

// middle is the median of each part; what failed is added up.
func middle(samples []sample) sample {
	var m sample
	var rates []float64
	var tails []time.Duration
	for _, s := range samples {
		rates, tails = append(rates, s.perSecond), append(tails, s.p99)
		m.failed += s.failed
	}
	slices.Sort(rates)
	slices.Sort(tails)
	m.perSecond, m.p99 = rates[len(rates)/2], tails[len(tails)/2]
	return m
}
