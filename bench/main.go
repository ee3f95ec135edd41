// Command bench generates the app, starts it, and prints how fast it is beside a
// handler that does the least possible, and beside what people use instead. All run in
// turn on one core, the load on another, so that only the ratios of one run count.
//
//	go run ./bench -quick -only=me
//	go run ./bench -stack=go -write docs/performance-go.md
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

type options struct {
	stack  stack
	name   string // of the stack
	quick  bool
	only   []string
	dbs    []string
	users  []int
	rounds int
	span   time.Duration // of one measurement
	write  string
}

func readFlags() options {
	o := options{rounds: 3}
	var only, dbs, users string
	flag.StringVar(&o.name, "stack", "fastapi", "which stack: fastapi or go")
	flag.BoolVar(&o.quick, "quick", false, "short rounds, 1,000 users, SQLite")
	flag.StringVar(&only, "only", "me,login,refresh,mixed", "what to measure")
	flag.StringVar(&dbs, "db", "sqlite,postgres", "which databases")
	flag.StringVar(&users, "users", "1000,1000000", "how many users, in turn")
	flag.DurationVar(&o.span, "span", 3*time.Second, "how long each measurement takes")
	flag.StringVar(&o.write, "write", "", "write the tables to this file as well")
	flag.Parse()
	if o.quick {
		o.rounds, o.span, dbs, users = 3, 2*time.Second, "sqlite", "1000"
	}
	var err error
	if o.stack, err = chosenStack(o.name); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	o.only, o.dbs = strings.Split(only, ","), strings.Split(dbs, ",")
	for _, n := range strings.Split(users, ",") {
		count, err := strconv.Atoi(n)
		if err != nil || count < 1000 {
			fmt.Fprintln(os.Stderr, "bench: -users takes numbers from 1000 on, with commas")
			os.Exit(2)
		}
		o.users = append(o.users, count)
	}
	return o
}

func (o options) wants(what string) bool { return slices.Contains(o.only, what) }

func main() {
	o := readFlags()
	b := newBed()
	defer b.close()
	b.pin()
	o.stack.prepare(b)
	out := report{options: o}
	out.head(b)
	for _, db := range o.dbs {
		for _, result := range measure(b, o, db) {
			out.add(result)
		}
	}
	out.targets()
	fmt.Print(out.String())
	if o.write != "" {
		if err := os.WriteFile(o.write, []byte(out.String()), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// serverCore and clientCore are where the server and the load run.
const serverCore, clientCore = "0", "1"

// pin keeps this process, and the databases it starts, off the server's core.
func (b *bed) pin() {
	if runtime.NumCPU() < 2 {
		b.Fatal("a server and its load need a core each; there is one")
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		b.Fatal("taskset is missing: it belongs to util-linux")
	}
	runtime.GOMAXPROCS(2)
	out, err := exec.Command("taskset", "-a", "-c", "-p", clientCore, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		b.Fatal(string(out))
	}
}
