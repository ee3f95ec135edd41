// fastman: file jwt or oauth or passkey
package auth

import (
	"context"
	"crypto/tls"
	"net"
	"net/smtp"
	"os"
	"slices"
	"strings"
	"time"
)

// mailTimeout is for one try, from the connection to the last answer.
const mailTimeout = 20 * time.Second

const (
	errNoStartTLS    = finalError("the mail server offers no STARTTLS")
	errClearPassword = finalError("a password does not go out in clear")
	errNoSignIn      = finalError("the mail server offers no way to sign in that is known here")
	errNoUTF8        = finalError("the mail server takes no addresses outside ASCII")
)

// encryption is how a connection to a mail server is protected.
type encryption int

const (
	offered encryption = iota // by STARTTLS where the server has it
	required
	fromTheStart
	never
)

// mailServer is a mail server, as AUTH_MAIL_URL names it.
type mailServer struct {
	host, port     string
	encryption     encryption
	user, password string // without a user nobody signs in
}

// deliver hands one mail to the server.
func (s *mailServer) deliver(ctx context.Context, msg message) error {
	content, err := msg.bytes()
	if err != nil {
		return err
	}
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	if err := s.prepare(client); err != nil {
		return err
	}
	return transmit(client, msg, content)
}

func (s *mailServer) connect(ctx context.Context) (*smtp.Client, error) {
	deadline := time.Now().Add(mailTimeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var conn net.Conn
	var err error
	if s.encryption == fromTheStart {
		dialer := tls.Dialer{Config: s.tlsConfig()}
		conn, err = dialer.DialContext(ctx, "tcp", s.address())
	} else {
		var dialer net.Dialer
		conn, err = dialer.DialContext(ctx, "tcp", s.address())
	}
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return smtp.NewClient(conn, s.host) // closes the connection when it fails
}

func (s *mailServer) tlsConfig() *tls.Config { return &tls.Config{ServerName: s.host} }

// prepare encrypts the connection and signs in, as far as it shall.
func (s *mailServer) prepare(client *smtp.Client) error {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	if err := client.Hello(name); err != nil {
		return err
	}
	hasTLS, _ := client.Extension("STARTTLS")
	if s.encryption == required && !hasTLS {
		return errNoStartTLS
	}
	if s.encryption == required || s.encryption == offered && hasTLS {
		if err := client.StartTLS(s.tlsConfig()); err != nil {
			return err
		}
	}
	if s.user == "" {
		return nil
	}
	return s.signIn(client)
}

func (s *mailServer) signIn(client *smtp.Client) error {
	if _, encrypted := client.TLSConnectionState(); !encrypted && !isLoopback(s.host) {
		return errClearPassword
	}
	_, offer := client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offer))
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		return client.Auth(smtp.PlainAuth("", s.user, s.password, s.host))
	case slices.Contains(mechanisms, "LOGIN"):
		return client.Auth(&loginAuth{answers: []string{s.user, s.password}})
	case slices.Contains(mechanisms, "CRAM-MD5"):
		return client.Auth(smtp.CRAMMD5Auth(s.user, s.password))
	}
	return errNoSignIn
}

// loginAuth answers the two questions of AUTH LOGIN, which some servers offer alone.
type loginAuth struct{ answers []string }

func (a *loginAuth) Start(*smtp.ServerInfo) (mechanism string, first []byte, err error) {
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if len(a.answers) == 0 {
		return nil, errNoSignIn
	}
	answer := a.answers[0]
	a.answers = a.answers[1:]
	return []byte(answer), nil
}

func transmit(client *smtp.Client, msg message, content []byte) error {
	to, err := msg.recipient()
	if err != nil {
		return err
	}
	if hasUTF8, _ := client.Extension("SMTPUTF8"); !hasUTF8 && !isASCII(msg.from.Address+to) {
		return errNoUTF8
	}
	if err := client.Mail(msg.from.Address); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(content); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	_ = client.Quit() // the mail is sent, whatever the server answers
	return nil
}
