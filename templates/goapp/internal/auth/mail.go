// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// mailPauses are before the second and the third try.
var mailPauses = []time.Duration{2 * time.Second, 8 * time.Second}

// errMailURL does not repeat the address, which may hold a password.
var errMailURL = errors.New(`AUTH_MAIL_URL is not an address for mail
set it to smtp://user:password@host:587?from=app@example.com, smtps://... or file:DIR`)

// mailer sends mail in the background, with some patience. Nobody waits for it, and
// nobody is told if it fails.
type mailer struct {
	app     string // as mails call it
	sender  mail.Address
	deliver func(context.Context, message) error // nil: mail is off
	show    bool                                 // in the log instead
	pauses  []time.Duration
	jobs    *background
	log     *slog.Logger

	// verifyPage is where mails lead to confirm an address, below the base; the token
	// comes behind.
	verifyPage string
	// fastman: if jwt
	// resetPage is where they lead to choose a new password.
	resetPage string
	// fastman: end
	// fastman: if passkey
	// recoveryPage is where they lead to make a new passkey.
	recoveryPage string
	// fastman: end
}

func newMailer(cfg Config, jobs *background, log *slog.Logger) (*mailer, error) {
	m := &mailer{app: cfg.appName(), verifyPage: "/verify-email#token=", pauses: mailPauses, jobs: jobs, log: log}
	// fastman: if jwt
	m.resetPage = "/reset-password#token="
	// fastman: end
	// fastman: if passkey
	m.recoveryPage = cfg.Prefix + "/passkey/recovery#token="
	// fastman: end
	// fastman: if ui
	m.leadToPage(cfg.Prefix + "/ui")
	// fastman: end
	scheme, rest, _ := strings.Cut(cfg.MailURL, ":")
	options := url.Values{}
	switch {
	case cfg.MailURL == "":
		m.turnOff(cfg)
	case scheme == "file" && rest != "":
		m.deliver = mailDirectory(strings.TrimPrefix(rest, "//")).deliver
	default:
		address, err := url.Parse(cfg.MailURL)
		if err != nil {
			return nil, errMailURL
		}
		server, err := newMailServer(address, cfg.production())
		if err != nil {
			return nil, err
		}
		m.deliver, options = server.deliver, address.Query()
	}
	return m, m.setSender(options.Get("from"), cfg.PublicURL)
}

// turnOff is for an app without AUTH_MAIL_URL: mails go to the log in development,
// and nowhere else.
func (m *mailer) turnOff(cfg Config) {
	m.show = cfg.development()
	if cfg.production() {
		logEvent(context.Background(), m.log, slog.LevelWarn, "auth.mail.off",
			slog.String("problem", "AUTH_MAIL_URL is not set: no mail is sent"))
	}
}

func (m *mailer) setSender(from, publicURL string) error {
	if from == "" {
		from = "no-reply@localhost"
		if public, err := url.Parse(publicURL); err == nil && public.Hostname() != "" {
			from = "no-reply@" + public.Hostname()
		}
	}
	sender, err := mail.ParseAddress(from)
	if err != nil || strings.ContainsFunc(from, unicode.IsControl) {
		return errMailURL
	}
	m.sender = mail.Address{Name: sender.Name, Address: asciiAddress(sender.Address)}
	return nil
}

// send hands a mail over.
func (m *mailer) send(to, subject, text string) {
	msg := message{from: m.sender, to: to, subject: subject, text: text}
	switch {
	case m.deliver != nil:
		m.jobs.submit(func(ctx context.Context) { m.try(ctx, msg) })
	case m.show:
		// The one place where tokens and addresses reach the log.
		m.log.Warn(fmt.Sprintf("AUTH_MAIL_URL is not set; this mail would be sent:\nTo: %s\nSubject: %s\n\n%s", to, subject, text))
	}
}

func (m *mailer) try(ctx context.Context, msg message) {
	for tries := 0; ; tries++ {
		err := m.deliver(ctx, msg)
		if err == nil {
			logEvent(ctx, m.log, slog.LevelInfo, "auth.mail.sent")
			return
		}
		if tries == len(m.pauses) || isFinal(err) || !pause(ctx, m.pauses[tries]) {
			logEvent(ctx, m.log, slog.LevelError, "auth.mail.failed", slog.String("error", mailProblem(err)))
			return
		}
	}
}

// pause reports whether the context lasted for all of it.
func pause(ctx context.Context, length time.Duration) bool {
	select {
	case <-time.After(length):
		return true
	case <-ctx.Done():
		return false
	}
}

// finalError is a failure that another try cannot change.
type finalError string

func (e finalError) Error() string { return string(e) }

// isFinal follows RFC 5321, section 4.2.1, for what a server answers.
func isFinal(err error) bool {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return answer.Code >= 500
	}
	_, ours := errors.AsType[finalError](err)
	_, theirs := errors.AsType[*tls.CertificateVerificationError](err)
	return ours || theirs
}

// mailProblem says what went wrong, without the words of the server: they may repeat
// the address.
func mailProblem(err error) string {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Sprintf("the mail server answers %d", answer.Code)
	}
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return "the mail server does not speak SMTP"
	}
	return err.Error()
}

// newMailServer reads an address of the schemes smtp and smtps.
func newMailServer(address *url.URL, production bool) (*mailServer, error) {
	server := &mailServer{host: address.Hostname(), port: address.Port(), user: address.User.Username()}
	server.password, _ = address.User.Password()
	port := map[string]string{"smtp": "587", "smtps": "465"}[address.Scheme]
	if port == "" || server.host == "" {
		return nil, errMailURL
	}
	if server.port == "" {
		server.port = port
	}
	if _, err := strconv.ParseUint(server.port, 10, 16); err != nil {
		return nil, errMailURL
	}
	switch {
	case address.Scheme == "smtps":
		server.encryption = fromTheStart
	case address.Query().Get("tls") == "none":
		server.encryption = never
	case production && !isLoopback(server.host):
		// Whoever can change the answers of a mail server can also hide its STARTTLS.
		server.encryption = required
	}
	return server, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func (s *mailServer) address() string { return net.JoinHostPort(s.host, s.port) }
