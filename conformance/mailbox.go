package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is a message as a mail server gets it.
type Mail struct {
	From    string   // of the envelope
	To      []string // of the envelope
	Header  mail.Header
	Subject string
	Text    string
	Raw     string
	TLS     bool   // it came over an encrypted connection
	User    string // who had logged in to send it
}

// Mailbox is a mail server on loopback that keeps what it gets.
type Mailbox struct {
	// Refuse, if it is set, decides about a recipient.
	Refuse func(to string) error

	listener net.Listener
	server   *smtp.Server
	lock     sync.Mutex
	mails    []Mail
	logins   int
}

// security is how a mail server lets itself be talked to.
type security int

const (
	plain security = iota
	startTLS
	implicitTLS
)

// NewMailbox starts a mail server that speaks plain SMTP.
func NewMailbox() (*Mailbox, error) { return newMailbox(plain, nil) }

func newMailbox(s security, config *tls.Config) (*Mailbox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	box := &Mailbox{listener: listener}
	box.server = smtp.NewServer(box)
	box.server.Domain = "localhost"
	box.server.AllowInsecureAuth = true
	box.server.ErrorLog = silent{}
	switch s {
	case startTLS:
		box.server.TLSConfig = config
	case implicitTLS:
		listener = tls.NewListener(listener, config)
	}
	go func() { _ = box.server.Serve(listener) }()
	return box, nil
}

// silent drops what the server says about clients that hang up, as the cases make them.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Addr is host and port of the server.
func (box *Mailbox) Addr() string { return box.listener.Addr().String() }

// URL is what AUTH_MAIL_URL must be for mails to come here.
func (box *Mailbox) URL() string { return "smtp://" + box.Addr() + "?from=app@example.com" }

// Close ends the server.
func (box *Mailbox) Close() { _ = box.server.Close() }

// To returns the mails to an address so far, the oldest first.
func (box *Mailbox) To(address string) []Mail {
	box.lock.Lock()
	defer box.lock.Unlock()
	var found []Mail
	for _, m := range box.mails {
		if slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, address) }) {
			found = append(found, m)
		}
	}
	return found
}

// NewSession is for the SMTP server alone.
func (box *Mailbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &delivery{box: box, conn: c}, nil
}

// delivery is one connection of a client that sends mail.
type delivery struct {
	box  *Mailbox
	conn *smtp.Conn
	mail Mail
	user string
}

func (d *delivery) AuthMechanisms() []string { return []string{sasl.Plain} }

func (d *delivery) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, _ string) error {
		d.box.lock.Lock()
		defer d.box.lock.Unlock()
		d.box.logins++
		d.user = user
		return nil
	}), nil
}

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.mail = Mail{From: from}
	return nil
}

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.mail.To = append(d.mail.To, to)
	if d.box.Refuse != nil {
		return d.box.Refuse(to)
	}
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := readMail(string(raw))
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: err.Error()}
	}
	_, m.TLS = d.conn.TLSConnectionState()
	m.From, m.To, m.User = d.mail.From, d.mail.To, d.user
	d.box.lock.Lock()
	defer d.box.lock.Unlock()
	d.box.mails = append(d.box.mails, m)
	return nil
}

func (d *delivery) Reset()        { d.mail = Mail{} }
func (d *delivery) Logout() error { return nil }

func readMail(raw string) (Mail, error) {
	message, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return Mail{}, err
	}
	text, err := readText(textproto.MIMEHeader(message.Header), message.Body)
	if err != nil {
		return Mail{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return Mail{}, err
	}
	return Mail{Header: message.Header, Subject: subject, Text: text, Raw: raw}, nil
}

// readText decodes the text of a mail, and that of its parts one after the other.
func readText(header textproto.MIMEHeader, body io.Reader) (string, error) {
	if kind, options, _ := mime.ParseMediaType(header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
		var all strings.Builder
		for parts := multipart.NewReader(body, options["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err != nil {
				return all.String(), nil
			}
			text, err := readText(part.Header, part)
			if err != nil {
				return "", err
			}
			all.WriteString(text + "\n")
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	return string(text), err
}

var mailedLink = regexp.MustCompile(`(https?://[^\s"'<>#]+)#(?:token|reset|verify|recover)=([\w-]+)`)

// link is the mailed address, and the token in it.
func (m Mail) link() (address, token string, err error) {
	found := mailedLink.FindStringSubmatch(m.Text)
	if found == nil {
		return "", "", errors.New("the mail has no link with a token")
	}
	return found[1], found[2], nil
}

// linkAddress is where a mailed link for a purpose leads: "verify", "reset", "recover".
func (t *T) linkAddress(purpose string) string {
	if t.target.Set.UI() {
		return publicURL + t.page("/ui")
	}
	return publicURL + map[string]string{
		"verify": "/verify-email", "reset": "/reset-password", "recover": t.target.Prefix + "/passkey/recovery",
	}[purpose]
}

const mailPatience = 10 * time.Second

// mailsTo waits until an address has got n mails, and returns all it has.
func (t *T) mailsTo(address string, n int) []Mail {
	deadline := time.Now().Add(mailPatience)
	for {
		mails := t.target.Mail.To(address)
		if len(mails) >= n || time.Now().After(deadline) {
			if len(mails) != n {
				t.Fatalf("%d mails to one address, want %d: %q", len(mails), n, subjects(mails))
			}
			return mails
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// settled waits until all that the app was about to mail is here: a mail that is
// asked for now is sent after those of before.
func (t *T) settled() {
	other := t.fresh()
	acc, s := other.unverified()
	for range 4 { // as many as an app may send at once
		other.send(post("/verify/request", nil).as(s.access)).want(202)
	}
	other.mailsTo(acc.email, 4)
}

// wantMailed expects n mails to an account, which come in any order, with subjects that
// end so.
func (t *T) wantMailed(acc account, n int, ends ...string) []Mail {
	mails := t.mailsTo(acc.email, n)
	for _, end := range ends {
		if !slices.ContainsFunc(mails, func(m Mail) bool { return strings.HasSuffix(m.Subject, end) }) {
			t.Errorf("no mail's subject ends with %q: %q", end, subjects(mails))
		}
	}
	return mails
}

func subjects(mails []Mail) []string {
	var all []string
	for _, m := range mails {
		all = append(all, m.Subject)
	}
	return all
}

// newestLink is the token of the n-th and newest mail to an address.
func (t *T) newestLink(address string, n int) string {
	mails := t.mailsTo(address, n)
	_, token, err := mails[n-1].link()
	if err != nil {
		t.Fatalf("%v:\n%s", err, mails[n-1].Text)
	}
	t.target.secrets.add(token)
	return token
}

// certify makes a certificate for localhost and 127.0.0.1, and a file that names it
// as one to trust.
func (t *T) certify() (config *tls.Config, trust string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("a key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("a certificate: %v", err)
	}
	dir, err := os.MkdirTemp("", "trust-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(func() { _ = os.RemoveAll(dir) })
	trust = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, trust
}

// mailbox starts a further mail server for as long as the case runs.
func (t *T) mailbox(s security, config *tls.Config) *Mailbox {
	box, err := newMailbox(s, config)
	if err != nil {
		t.Fatalf("a mail server: %v", err)
	}
	t.defers(box.Close)
	return box
}

// mailing starts the app again with another AUTH_MAIL_URL, whose mails come to box.
func (t *T) mailing(box *Mailbox, env map[string]string) *T {
	app := t.boot(env)
	app.target.Mail = box
	return app
}
