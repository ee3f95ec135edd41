package run

import (
	"bytes"
	"io"
	"sync"
)

// lines passes whole lines of several streams on, so that they don't mix.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) pass(p []byte) {
	if l.to == nil || len(p) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.to.Write(p) // a closed terminal must not end the process
}

// longestLine bounds what is held back while a line has no end.
const longestLine = 64 << 10

// stream takes one output stream of a process. flush, after the process has
// ended, may meet a copying goroutine that was given up on: hence the lock.
type stream struct {
	mu       sync.Mutex
	tail     tail
	progress *lines
	partial  []byte
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail.write(p)
	s.partial = append(s.partial, p...)
	end := bytes.LastIndexByte(s.partial, '\n') + 1
	if end == 0 && len(s.partial) > longestLine {
		end = len(s.partial)
	}
	s.progress.pass(s.partial[:end])
	s.partial = append(s.partial[:0], s.partial[end:]...)
	return len(p), nil
}

func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.partial) > 0 {
		s.progress.pass(append(s.partial, '\n'))
		s.partial = nil
	}
}
