package auth

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// What a client sent stays one quoted word of the log, whatever it holds.
func TestLogCannotBeForged(t *testing.T) {
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out bytes.Buffer
		logEvent(t.Context(), slog.New(handler(&out)), slog.LevelInfo, "auth.login.failed",
			slog.Int("user_id", 7), slog.String("ip", "::1\r\n\x1b[2Kauth.login.ok user_id=1"))
		if line := out.String(); strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\r\x1b") {
			t.Errorf("%q", line)
		}
	}
}

// Text is in quotes even where it needs none, so that one pattern finds it.
func TestLogQuotesText(t *testing.T) {
	var out bytes.Buffer
	logEvent(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), slog.LevelInfo, "auth.login.ok",
		slog.Int("user_id", 7), slog.String("ip", "192.0.2.1"))
	if want := `msg=auth.login.ok user_id=7 ip="192.0.2.1"`; !strings.Contains(out.String(), want) {
		t.Errorf("%q lacks %q", out.String(), want)
	}
}
