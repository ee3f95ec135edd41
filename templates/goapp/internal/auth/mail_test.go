// fastman: file jwt or oauth or passkey
package auth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newTestMailer sends in jobs that close of the background waits for.
func newTestMailer(t *testing.T, cfg Config, log io.Writer) (*mailer, *background) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(log, nil))
	jobs := newBackground(logger)
	m, err := newMailer(cfg, jobs, logger)
	if err != nil {
		t.Fatal(err)
	}
	m.pauses = []time.Duration{0, 0}
	return m, jobs
}

// Production hides mails on their way.
func TestMailServerOfURL(t *testing.T) {
	for address, want := range map[string]mailServer{
		"smtps://mail.example.com":                          {host: "mail.example.com", port: "465", encryption: fromTheStart},
		"smtp://mail.example.com":                           {host: "mail.example.com", port: "587", encryption: required},
		"smtp://mail.example.com:25?tls=none":               {host: "mail.example.com", port: "25", encryption: never},
		"smtp://127.0.0.1:1025":                             {host: "127.0.0.1", port: "1025", encryption: offered},
		"smtp://app%40example.com:p%2Fw@[::1]?from=a@b.com": {host: "::1", port: "587", encryption: offered, user: "app@example.com", password: "p/w"},
	} {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		server, err := newMailServer(parsed, true)
		if err != nil || *server != want {
			t.Errorf("%s: %+v (%v), want %+v", address, server, err, want)
		}
	}
}

// What is no address for mail stops the start, and is not repeated.
func TestMailURLIsRefused(t *testing.T) {
	for _, address := range []string{
		"mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:port", "smtp://h:99999", "file:", "smtp://user:p/w@host",
		"smtp://host?from=nobody", "smtp://host?from=a%0Ab@example.com", "smtp://host?from=a@example.com,b@example.com",
	} {
		_, err := newMailer(Config{Environment: "test", MailURL: address}, nil, discard())
		if !errors.Is(err, errMailURL) || strings.Contains(err.Error(), "p/w") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A mail in a directory is whole, for nobody else, and its link is on one line.
func TestMailToDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "mails")
	m, jobs := newTestMailer(t, Config{Environment: "test", MailURL: "file:" + dir, PublicURL: "https://app.example.com"}, io.Discard)
	m.verifyLink("ada@b\u00fccher.example", "https://app.example.com", strings.Repeat("t", 200))
	jobs.close(time.Minute)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 1 {
		t.Fatalf("%q", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v (%v)", info.Mode(), err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if to := msg.Header.Get("To"); to != "<ada@xn--bcher-kva.example>" {
		t.Errorf("To: %s", to)
	}
	if from := msg.Header.Get("From"); from != "<no-reply@app.example.com>" {
		t.Errorf("From: %s", from)
	}
	if link := "\r\nhttps://app.example.com" + m.verifyPage + strings.Repeat("t", 200) + "\r\n"; !strings.Contains(string(raw), link) {
		t.Errorf("%s", raw)
	}
}

// Nothing that an address or the app's name holds becomes a header.
func TestHeadersCannotBeInjected(t *testing.T) {
	content, err := message{to: "ada@example.com", subject: "caf\u00e9\r\nBcc: evil@example.com", text: "x\n"}.bytes()
	if err != nil || bytes.Contains(content, []byte("\nBcc")) {
		t.Errorf("%s (%v)", content, err)
	}
	for _, to := range []string{"ada@example.com\r\nBcc: evil@example.com", "ada@example.com, evil@example.com", "", "ada"} {
		if content, err := (message{to: to}).bytes(); !errors.Is(err, errNoAddress) {
			t.Errorf("%q: %s (%v)", to, content, err)
		}
	}
}

// A busy server is asked three times, one that refuses once, and the log does not
// say whose mail it was.
func TestMailIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		err   error
		tries int
		event string
	}{
		{&textproto.Error{Code: 451, Msg: "ada@example.com: later"}, 3, `auth.mail.failed error="the mail server answers 451"`},
		{&textproto.Error{Code: 550, Msg: "ada@example.com: unknown"}, 1, `auth.mail.failed error="the mail server answers 550"`},
		{textproto.ProtocolError("ada@example.com"), 3, "auth.mail.failed"},
		{errNoStartTLS, 1, "auth.mail.failed"},
		{nil, 1, "auth.mail.sent"},
	} {
		var log bytes.Buffer
		m, jobs := newTestMailer(t, Config{Environment: "test"}, &log)
		tries := 0
		m.deliver = func(context.Context, message) error { tries++; return c.err }
		m.sessionsEnded(&User{Email: "ada@example.com"}, client{})
		jobs.close(time.Minute)
		if tries != c.tries || !strings.Contains(log.String(), c.event) || strings.Contains(log.String(), "ada@") {
			t.Errorf("%v: %d tries, %s", c.err, tries, log.String())
		}
	}
}

// Without a server, mails are shown in development and nowhere else.
func TestMailWithoutServer(t *testing.T) {
	for environment, shown := range map[string]bool{"development": true, "test": false, "production": false} {
		var log bytes.Buffer
		m, jobs := newTestMailer(t, Config{Environment: environment}, &log)
		m.verifyLink("ada@example.com", "http://localhost", "the-token")
		jobs.close(time.Minute)
		if strings.Contains(log.String(), "the-token") != shown || strings.Contains(log.String(), "ada@") != shown {
			t.Errorf("%s: %s", environment, log.String())
		}
		if strings.Contains(log.String(), "auth.mail.off") != (environment == "production") {
			t.Errorf("%s: %s", environment, log.String())
		}
	}
}

// talk runs the dialogue with a server that offers the given extensions in clear, and
// returns what it was sent.
func talk(t *testing.T, server *mailServer, extensions ...string) (sent string, err error) {
	t.Helper()
	ours, theirs := net.Pipe()
	var got strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.WriteString(theirs, "220 hello\r\n")
		for lines := bufio.NewScanner(theirs); lines.Scan(); {
			got.WriteString(lines.Text() + "\n")
			answer := "235 ok\r\n"
			if strings.HasPrefix(lines.Text(), "EHLO") {
				answer = "250-hello\r\n250-" + strings.Join(append(extensions, "HELP"), "\r\n250-") + "\r\n250 END\r\n"
			}
			_, _ = io.WriteString(theirs, answer)
		}
	}()
	client, err := smtp.NewClient(ours, server.host)
	if err != nil {
		t.Fatal(err)
	}
	err = server.prepare(client)
	_ = client.Close()
	<-done
	return got.String(), err
}

// A password goes to nobody who could be overheard.
func TestPasswordDoesNotGoInClear(t *testing.T) {
	for _, c := range []struct {
		server mailServer
		want   error
	}{
		{mailServer{host: "mail.example.com", user: "u", password: "p"}, errClearPassword},
		{mailServer{host: "mail.example.com", user: "u", password: "p", encryption: never}, errClearPassword},
		{mailServer{host: "mail.example.com", encryption: required}, errNoStartTLS},
		{mailServer{host: "mail.example.com"}, nil},
		{mailServer{host: "localhost", user: "u", password: "p"}, nil},
	} {
		sent, err := talk(t, &c.server, "AUTH PLAIN LOGIN")
		if !errors.Is(err, c.want) || strings.Contains(sent, "AUTH") != (c.want == nil && c.server.user != "") {
			t.Errorf("%+v: %v\n%s", c.server, err, sent)
		}
	}
}
