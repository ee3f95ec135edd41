// fastman: file jwt or oauth or passkey
package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const errNoAddress = finalError("the address is none that a mail can go to")

// message is a mail before it is sent.
type message struct {
	from    mail.Address
	to      string
	subject string
	text    string
}

// bytes writes the mail as it is sent (RFC 5322). Its lines stay whole, so that links
// do, and no header holds more than was meant.
func (m message) bytes() ([]byte, error) {
	to, err := m.recipient()
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(m.from.Address, "@")
	encoding := "7bit"
	if !isASCII(m.text) {
		encoding = "8bit"
	}
	var out bytes.Buffer
	for _, header := range [][2]string{
		{"From", m.from.String()},
		{"To", (&mail.Address{Address: to}).String()},
		{"Subject", mime.QEncoding.Encode("utf-8", m.subject)},
		{"Date", time.Now().UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + rand.Text() + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no holiday answers, please
		{"MIME-Version", "1.0"},
		{"Content-Type", `text/plain; charset="utf-8"`},
		{"Content-Transfer-Encoding", encoding},
	} {
		fmt.Fprintf(&out, "%s: %s\r\n", header[0], header[1])
	}
	out.WriteString("\r\n" + strings.ReplaceAll(m.text, "\n", "\r\n"))
	return out.Bytes(), nil
}

// recipient is the address and nothing else, even in a row that another app wrote.
func (m message) recipient() (string, error) {
	to, err := mail.ParseAddress(asciiAddress(m.to))
	if err != nil {
		return "", errNoAddress
	}
	return to.Address, nil
}

// asciiAddress writes the domain as every mail server understands it (RFC 5891), if
// the rest is understood too.
func asciiAddress(address string) string {
	at := strings.LastIndexByte(address, '@')
	domain, err := domainNames.ToASCII(address[at+1:])
	if err != nil || at < 0 || !isASCII(address[:at]) {
		return address
	}
	return address[:at+1] + domain
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f })
}

// mailDirectory takes mails as files, for tests and for tools that pick them up.
type mailDirectory string

func (d mailDirectory) deliver(_ context.Context, msg message) error {
	content, err := msg.bytes()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("%d-%s", time.Now().UnixNano(), rand.Text()[:8])
	part := filepath.Join(string(d), "."+name+".part")
	if err := writeNew(part, content); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(string(d), name+".eml"))
}

// writeNew makes a file that only its owner can read.
func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
