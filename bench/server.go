package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"fastman/internal/testbed"
)

// server is one of the compared apps.
type server struct {
	name, dir string
	command   func(port string) []string
	env       map[string]string
	foreign   bool // it has users and tokens of its own

	url     string
	process *exec.Cmd
	stderr  bytes.Buffer
}

// run starts the server on its core, stops it when both kinds of work are done, and
// tells what was seen of it. Memory is read before the crowd comes.
func (b *bed) run(s *server, work, crowd func()) usage {
	port := strconv.Itoa(testbed.FreePort(b))
	s.url = "http://127.0.0.1:" + port
	s.process = exec.Command("taskset", append([]string{"-c", serverCore}, s.command(port)...)...)
	s.process.Dir, s.process.Env = s.dir, append(environ(s.env), "PORT="+port)
	s.stderr.Reset()
	s.process.Stderr = &s.stderr
	began := time.Now()
	if err := s.process.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = s.process.Wait(); close(ended) }()
	b.Cleanup(func() { _ = s.process.Process.Kill() })
	for {
		if _, err := http.Get(s.url + "/health"); err == nil {
			break
		}
		select {
		case <-ended:
			b.Fatalf("%s ended:\n%s", s.name, s.stderr.String())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Since(began) > patience {
			b.Fatalf("%s does not answer", s.name)
		}
	}
	u := usage{start: time.Since(began), idle: s.memory("VmRSS")}
	work()
	u.peak = s.memory("VmHWM")
	crowd()
	_ = s.process.Process.Signal(syscall.SIGTERM)
	<-ended
	return u
}

// usage is what a server takes: its memory in MB.
type usage struct {
	start      time.Duration
	idle, peak float64
}

func (s *server) memory(field string) float64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.process.Process.Pid), "status"))
	found := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(status)
	if err != nil || found == nil {
		return 0
	}
	kB, _ := strconv.ParseFloat(string(found[1]), 64)
	return kB / 1024
}

// environ is this process's environment with more on top.
func environ(more map[string]string) []string {
	all := os.Environ()
	for name, value := range more {
		all = append(all, name+"="+value)
	}
	return all
}
