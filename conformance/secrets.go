package conformance

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// probeLength is the least length of what can be looked for; shorter texts stand in
// a log by chance.
const probeLength = 10

// secretFields are those whose values no log may hold.
var secretFields = []string{
	"password", "current_password", "new_password", "token", "refresh_token", "access_token", "email",
}

// secrets remembers what the cases have sent and got, and where the app has logged.
// It is safe for concurrent use.
type secrets struct {
	lock    sync.Mutex
	probes  map[string]map[string]bool // by their first bytes
	paths   []string                   // what the cases put there is in a server's access log by their own fault
	outputs []func() string
}

func newSecrets() *secrets { return &secrets{probes: map[string]map[string]bool{}} }

// sent remembers the secret fields of a request.
func (s *secrets) sent(c call, path string) {
	s.keep(c.body)
	if strings.Contains(c.path, "?") || strings.HasPrefix(c.path, "/sessions/") {
		s.lock.Lock()
		defer s.lock.Unlock()
		s.paths = append(s.paths, path)
	}
}

func (s *secrets) add(value string) {
	if len(value) < probeLength {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	start := value[:probeLength]
	if s.probes[start] == nil {
		s.probes[start] = map[string]bool{}
	}
	s.probes[start][value] = true
}

// watch adds a log to those that are searched.
func (s *secrets) watch(output func() string) {
	if output == nil {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.outputs = append(s.outputs, output)
}

// keep remembers the secret fields of a body, whichever way it is written.
func (s *secrets) keep(body []byte) {
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		for _, name := range secretFields {
			if text, ok := fields[name].(string); ok {
				s.add(text)
			}
		}
		return
	}
	if form, err := url.ParseQuery(string(body)); err == nil {
		for _, name := range append(secretFields, "username") {
			if text := form.Get(name); name != "username" || strings.Contains(text, "@") {
				s.add(text)
			}
		}
	}
}

// found returns the lines of the watched logs that hold a secret, and how many
// secrets were looked for.
func (s *secrets) found() (lines []string, searched int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, values := range s.probes {
		searched += len(values)
	}
	for _, output := range s.outputs {
		for line := range strings.SplitSeq(output(), "\n") {
			if s.holds(line) && !s.asked(line) {
				lines = append(lines, line)
			}
		}
	}
	return lines, searched
}

// logged is what the watched logs hold.
func (s *secrets) logged() (logs []string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, output := range s.outputs {
		logs = append(logs, output())
	}
	return logs
}

// asked is whether a line shows a path that a case has asked for.
func (s *secrets) asked(line string) bool {
	return slices.ContainsFunc(s.paths, func(path string) bool { return strings.Contains(line, path) })
}

func (s *secrets) holds(line string) bool {
	for i := 0; i+probeLength <= len(line); i++ {
		for value := range s.probes[line[i:i+probeLength]] {
			if strings.HasPrefix(line[i:], value) {
				return true
			}
		}
	}
	return false
}
