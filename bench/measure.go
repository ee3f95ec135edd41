package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// connections are how many clients ask for /me at once.
var connections = []int{1, 16, 64}

const (
	crowd          = 512 // connections that must all be answered
	active         = 64  // users whose rows are in the database's cache, as of whoever is there now
	refreshClients = 8
	loginClients   = 4
	storming       = 50 // logins that run while /me is measured
	stormClients   = 16
)

// result is all that was measured on one database: by app and measurement.
type result struct {
	db     string
	users  int
	seen   map[string]map[string][]sample
	usages map[string][]usage
	hashes []float64 // per second, of bcrypt alone
}

func (r *result) add(app, what string, s sample) {
	if r.seen[app] == nil {
		r.seen[app] = map[string][]sample{}
	}
	r.seen[app][what] = append(r.seen[app][what], s)
}

// of is the median of a measurement, and whether there is one.
func (r *result) of(app, what string) (sample, bool) {
	samples := r.seen[app][what]
	if len(samples) == 0 {
		return sample{}, false
	}
	return middle(samples), true
}

// footprint is the median of an app's memory in MB, and of its start in ms.
func (r *result) footprint(app string) (idle, peak, start float64) {
	var idles, peaks, starts []float64
	for _, u := range r.usages[app] {
		idles, peaks, starts = append(idles, u.idle), append(peaks, u.peak), append(starts, u.start.Seconds()*1000)
	}
	return median(idles), median(peaks), median(starts)
}

// run is one app under load.
type run struct {
	*bed
	o       options
	data    *data
	server  *server
	result  *result
	tokens  []string // fastapi-users' own
	refresh *chain
}

// measure compares the apps in rounds, one after the other in each, and each of them on
// all sizes of the database in turn: what the machine does meanwhile, it does to all.
func measure(b *bed, o options, db string) []*result {
	var sizes []*size
	for _, users := range o.users {
		sizes = append(sizes, newSize(b, o, db, users))
	}
	for range o.rounds {
		for i := range sizes[0].apps {
			for _, s := range sizes {
				s.measure(b, o, i)
			}
		}
	}
	results := make([]*result, len(sizes))
	for i, s := range sizes {
		results[i] = s.result
	}
	return results
}

// size is a database with the apps that run on it.
type size struct {
	data   *data
	apps   []*server
	chains []*chain // of each app
	result *result
}

func newSize(b *bed, o options, db string, users int) *size {
	fmt.Fprintf(os.Stderr, "bench: %s, %d users\n", db, users)
	d := b.fill(o.stack, db, users)
	s := &size{data: d, apps: o.stack.apps(b, d),
		result: &result{db: db, users: users, seen: map[string]map[string][]sample{}, usages: map[string][]usage{}}}
	for i := range s.apps {
		s.chains = append(s.chains, newChain(d.sample[i*refreshClients:(i+1)*refreshClients]))
	}
	return s
}

// measure puts one of the apps under load. Beside the first is what bcrypt does alone.
func (s *size) measure(b *bed, o options, app int) {
	if app == 0 && o.wants("login") {
		s.result.hashes = append(s.result.hashes, b.hashesPerSecond(o))
	}
	server := s.apps[app]
	x := &run{bed: b, o: o, data: s.data, server: server, result: s.result, refresh: s.chains[app]}
	u := b.run(server, x.all, x.crowd)
	s.result.usages[server.name] = append(s.result.usages[server.name], u)
}

func (x *run) all() {
	if x.server.foreign {
		x.signUp()
	}
	load(4, x.o.span/4, x.me) // what is measured has started up
	if x.o.wants("me") {
		for _, n := range connections {
			x.note(fmt.Sprintf("me %d", n), load(n, x.o.span, x.me))
		}
		x.note("active", load(stormClients, x.o.span, x.meOfFew))
	}
	if x.o.wants("mixed") {
		x.note("mixed", x.storm())
	}
	if x.server.foreign {
		return
	}
	if x.o.wants("login") {
		x.note("login", load(loginClients, x.o.span, x.login))
	}
	if x.o.wants("refresh") {
		x.note("refresh", load(refreshClients, x.o.span, x.refreshing))
	}
}

// crowd is more clients than anybody plans for; each must be answered.
func (x *run) crowd() {
	if x.o.wants("me") {
		x.note("crowd", load(crowd, x.o.span/2, x.me))
	}
}

func (x *run) note(what string, s sample) { x.result.add(x.server.name, what, s) }

var turn atomic.Int64

// me asks who is signed in, as another user of the sample each time.
func (x *run) me(int) (*http.Request, func([]byte)) { return x.meAs(int(turn.Add(1))) }

// meOfFew asks as one of those who are there now.
func (x *run) meOfFew(int) (*http.Request, func([]byte)) { return x.meAs(int(turn.Add(1)) % active) }

func (x *run) meAs(n int) (*http.Request, func([]byte)) {
	path, token := "/auth/me", x.data.sample[n%len(x.data.sample)].Access
	if x.server.foreign {
		path, token = "/users/me", x.tokens[n%len(x.tokens)]
	}
	request, _ := http.NewRequest(http.MethodGet, x.server.url+path, nil)
	request.Header.Set("Authorization", "Bearer "+token)
	return request, nil
}

func (x *run) login(int) (*http.Request, func([]byte)) {
	n := int(turn.Add(1))
	path, email := "/auth/login", x.data.sample[n%len(x.data.sample)].Email
	if x.server.foreign {
		path, email = "/auth/jwt/login", userEmail(n%userSample)
	}
	form := url.Values{"username": {email}, "password": {password}}
	request, _ := http.NewRequest(http.MethodPost, x.server.url+path, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

// chain holds the newest refresh token of each client.
type chain struct{ newest []string }

func newChain(from []identity) *chain {
	c := &chain{}
	for _, i := range from {
		c.newest = append(c.newest, i.Refresh)
	}
	return c
}

func (x *run) refreshing(client int) (*http.Request, func([]byte)) {
	body, _ := json.Marshal(map[string]string{"refresh_token": x.refresh.newest[client]})
	request, _ := http.NewRequest(http.MethodPost, x.server.url+"/auth/refresh", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	return request, func(body []byte) {
		var tokens struct {
			Refresh string `json:"refresh_token"`
		}
		if json.Unmarshal(body, &tokens) == nil {
			x.refresh.newest[client] = tokens.Refresh
		}
	}
}

// storm measures /me while logins run. A client that is sent away comes back after
// a second, as it is told to.
func (x *run) storm() sample {
	over := time.Now().Add(x.o.span)
	var all sync.WaitGroup
	client := &http.Client{Timeout: 2 * requestTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: storming}}
	for range storming {
		all.Go(func() {
			for time.Now().Before(over) {
				request, look := x.login(0)
				if send(client, request, look) != nil {
					time.Sleep(time.Second)
				}
			}
		})
	}
	time.Sleep(x.o.span / 8)
	s := load(stormClients, x.o.span*3/4, x.me)
	all.Wait()
	return s
}

const userSample = 20

func userEmail(n int) string { return "user" + strconv.Itoa(n) + "@example.com" }

// signUp fills the database of fastapi-users, once, and signs its sample in.
func (x *run) signUp() {
	for n := range userSample {
		fields, _ := json.Marshal(map[string]string{"email": userEmail(n), "password": password})
		answer, err := http.Post(x.server.url+"/auth/register", "application/json", bytes.NewReader(fields))
		if err != nil {
			x.Fatal(err)
		}
		answer.Body.Close()
		if n == 0 && answer.StatusCode == http.StatusCreated {
			x.fillUsers()
		}
	}
	for n := range userSample {
		answer, err := http.PostForm(x.server.url+"/auth/jwt/login", url.Values{"username": {userEmail(n)}, "password": {password}})
		if err != nil {
			x.Fatal(err)
		}
		var tokens struct {
			Access string `json:"access_token"`
		}
		if err := json.NewDecoder(answer.Body).Decode(&tokens); err != nil || tokens.Access == "" {
			x.Fatalf("fastapi-users signs nobody in: %v", err)
		}
		answer.Body.Close()
		x.tokens = append(x.tokens, tokens.Access)
	}
}

func (x *run) fillUsers() {
	address := x.server.env["DATABASE_URL"]
	series, id := sqliteSeries, "printf('%08x-0000-4000-8000-000000000000', i)"
	if x.data.kind == "postgres" {
		series, id = postgresSeries, "gen_random_uuid()"
	}
	db := x.open(x.data.kind, strings.NewReplacer("+aiosqlite", "", "+asyncpg", "").Replace(address))
	defer db.Close()
	x.exec(db, `INSERT INTO "user" (id, email, hashed_password, is_active, is_superuser, is_verified)
		SELECT `+id+`, 'u' || i || '@example.com', 'x', true, false, false FROM `+fmt.Sprintf(series, x.data.users))
}

// hashesPerSecond is what bcrypt alone does on the server's core.
func (b *bed) hashesPerSecond(o options) float64 {
	command := o.stack.hashing(b, fmt.Sprint(o.span.Seconds()))
	cmd := exec.Command("taskset", append([]string{"-c", serverCore}, command...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return rate
}
