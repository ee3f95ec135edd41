package conformance

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"fastman/internal/feature"
)

var mailCases = []Case{
	{
		Name: "mail/is-text-from-the-sender-of-the-setting", Section: "Mail: AUTH_MAIL_URL",
		Type: feature.JWT, RFC: []string{"RFC 5322 3.6"}, Needs: []Need{NeedMail}, Run: mailForm,
	},
	{
		Name: "mail/headers-cannot-be-injected", Section: "Mail: AUTH_MAIL_URL",
		Type: feature.JWT, RFC: []string{"RFC 5322 3.6"}, Needs: []Need{NeedMail}, Run: mailInjection,
	},
	{
		Name: "mail/notices-tell-of-ended-sessions", Section: "Mail: ended session",
		ASVS: []string{"6.3.5"}, Needs: []Need{NeedMail, NeedDB}, Run: mailNotices,
	},
	{
		Name: "mail/goes-to-a-directory", Section: "Mail: file:DIR",
		Type: feature.JWT, Needs: []Need{NeedBoot}, Run: mailDirectory,
	},
	{
		Name: "mail/starttls-and-smtps-are-used-and-checked", Section: "Mail: smtp://, smtps://",
		Type: feature.JWT, RFC: []string{"RFC 3207 4", "RFC 8314 3.3"}, Needs: []Need{NeedBoot}, Run: mailTLS,
	},
	{
		Name: "mail/a-password-never-goes-in-clear", Section: "Mail: smtp://, smtps://",
		Type: feature.JWT, RFC: []string{"RFC 3207 4"}, Needs: []Need{NeedBoot}, Run: mailCredentials,
	},
	{
		Name: "mail/a-hanging-server-delays-nothing", Section: "Mail: Sending never delays or fails the answer",
		Type: feature.JWT, Needs: []Need{NeedBoot}, Run: mailHanging,
	},
	{
		Name: "mail/a-dead-server-fails-nothing", Section: "Mail: Sending never delays or fails the answer",
		Type: feature.JWT, Needs: []Need{NeedBoot}, Turn: Early, Run: mailDead,
	},
	{
		Name: "mail/a-busy-server-is-tried-again", Section: "Mail: AUTH_MAIL_URL",
		Type: feature.JWT, RFC: []string{"RFC 5321 4.5.4"}, Needs: []Need{NeedBoot}, Run: mailRetry,
	},
	{
		Name: "mail/without-a-server", Section: "Mail: without it mails go to the log in development only",
		Type: feature.JWT, ASVS: []string{"16.2.5"}, Needs: []Need{NeedBoot}, Run: mailOff,
	},
	{
		Name: "mail/bad-settings-do-not-start", Section: "Settings: Required in production when mail or oauth is on",
		Needs: []Need{NeedBoot}, Run: mailRefused,
	},
}

func mailForm(t *T) {
	acc := t.register()
	t.resetLink(acc, 1)
	m := t.mailsTo(acc.email, 1)[0]
	if m.From != "app@example.com" || !strings.Contains(m.Header.Get("From"), "app@example.com") {
		t.Errorf("the sender is %q, %q", m.From, m.Header.Get("From"))
	}
	if media := m.Header.Get("Content-Type"); !strings.HasPrefix(media, "text/plain") {
		t.Errorf("Content-Type is %q", media)
	}
	for _, name := range []string{"Date", "Message-Id", "To", "Subject"} {
		if m.Header.Get(name) == "" {
			t.Errorf("the header %s is missing", name)
		}
	}
	if strings.Contains(m.Subject, "token") || strings.Contains(m.Text, acc.username) {
		t.Errorf("the mail repeats what a stranger may have typed:\n%s", m.Text)
	}
}

func mailInjection(t *T) {
	for _, email := range []string{
		"a@example.com\r\nBcc: evil@example.com", "a@example.com\nSubject: x", "\"a\r\nBcc: evil@example.com\"@example.com",
		"a@example.com,evil@example.com", "<a@example.com>", "a <a@example.com>", "a@example.com\u2028Bcc:x", "a@exa\u0000mple.com",
	} {
		acc := newAccount()
		acc.email = email
		t.send(post("/register", acc.registration())).expect("an address with more in it", http.StatusUnprocessableEntity)
	}
	acc := newAccount()
	local := unique()
	acc.email = local + "@ex\u00e4mple.com"
	t.registerAs(acc)
	t.send(forgot(acc.email)).want(http.StatusAccepted)
	t.mailsTo(local+"@xn--exmple-cua.com", 1)
	named := newAccount()
	named.username = unique()
	named = t.registerAs(named)
	s := t.session(t.send(loginForm(named.email, named.password).with("User-Agent", "x\tBcc: evil@example.com")).want(200))
	t.change(s, named.password, newPassword).want(http.StatusNoContent)
	m := t.mailsTo(named.email, 1)[0]
	if len(m.To) != 1 || m.Header.Get("Bcc") != "" || m.Header.Get("Cc") != "" || len(m.Header["To"]) != 1 {
		t.Errorf("the mail goes to %q", m.To)
	}
	if mails := t.target.Mail.To("evil@example.com"); len(mails) > 0 {
		t.Errorf("an injected recipient got a mail")
	}
}

func mailNotices(t *T) {
	acc, s := t.member()
	t.signIn(acc)
	t.send(call{method: http.MethodDelete, path: "/sessions"}.as(s.access)).want(http.StatusNoContent)
	t.mailsTo(acc.email, 1)
	used := s.refresh
	s = t.renew(s)
	t.age(s, "refreshed_at", time.Minute)
	t.refresh(used).want(http.StatusUnauthorized)
	if m := t.mailsTo(acc.email, 2)[1]; !t.tells(m, "refresh token") {
		t.Errorf("the notice does not say why the session ended:\n%s", m.Text)
	}
}

func mailDirectory(t *T) {
	dir, err := os.MkdirTemp("", "mails-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(func() { _ = os.RemoveAll(dir) })
	into := filepath.Join(dir, "new", "mails")
	app := t.boot(map[string]string{"AUTH_MAIL_URL": "file:" + into})
	acc := app.register()
	app.send(forgot(acc.email)).want(http.StatusAccepted)
	var found []string
	within(mailPatience, func() bool {
		found, _ = filepath.Glob(filepath.Join(into, "*.eml"))
		return len(found) > 0
	})
	if len(found) != 1 {
		t.Fatalf("%d mails in the directory, want 1", len(found))
	}
	if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mail can be read by others: %v (%v)", info.Mode(), err)
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatalf("%v", err)
	}
	m, err := readMail(string(raw))
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, token, err := m.link()
	if err != nil {
		t.Fatalf("%v", err)
	}
	app.reset(token, newPassword).expect("the token of the file", http.StatusNoContent)
}

// forgetVia has app mail a link, and returns the mails that box has for it.
func (t *T) forgetVia() (account, []Mail) {
	acc := t.register()
	t.send(forgot(acc.email)).want(http.StatusAccepted)
	return acc, t.mailsTo(acc.email, 1)
}

func mailTLS(t *T) {
	config, trust := t.certify()
	for _, way := range []struct {
		scheme string
		s      security
	}{{"smtp://", startTLS}, {"smtps://", implicitTLS}} {
		box := t.mailbox(way.s, config)
		env := map[string]string{"AUTH_MAIL_URL": way.scheme + "user:word@" + box.Addr() + "?from=app@example.com"}
		stranger := t.mailing(box, env)
		acc := stranger.register()
		stranger.send(forgot(acc.email)).want(http.StatusAccepted)
		stranger.logs("auth.mail.failed")
		if len(box.To(acc.email)) > 0 || box.logins > 0 {
			t.Errorf("%s: a server whose certificate nobody vouches for gets the mail", way.scheme)
		}
		env["SSL_CERT_FILE"] = trust
		_, mails := t.mailing(box, env).forgetVia()
		if !mails[0].TLS || mails[0].User != "user" {
			t.Errorf("%s: encrypted %v, signed in as %q", way.scheme, mails[0].TLS, mails[0].User)
		}
	}
}

// logs waits until the app's output has an event.
// loggedLink is the address, without its token, of the last link in the log.
func (t *T) loggedLink() (link string) {
	within(3*mailPatience, func() bool {
		for _, found := range mailedLink.FindAllStringSubmatch(t.target.Output(), -1) {
			link = found[1]
		}
		return link != ""
	})
	return link
}

func (t *T) logs(event string) {
	if within(3*mailPatience, func() bool { return strings.Contains(t.target.Output(), event) }) {
		return
	}
	t.Fatalf("the log has no %s:\n%s", event, lastLines(t.target.Output()))
}

func mailCredentials(t *T) {
	// A server elsewhere, or somebody on the way to it, that offers no STARTTLS.
	outside := t.outsideAddress()
	listener, err := net.Listen("tcp", outside+":0")
	if err != nil {
		t.skip("needs an address of this machine that is not loopback")
	}
	box := t.mailbox(plain, nil)
	go func() { _ = box.server.Serve(listener) }()
	for _, env := range []map[string]string{
		{"ENVIRONMENT": "test", "AUTH_MAIL_URL": "smtp://user:word@" + listener.Addr().String()},
		t.inProduction("AUTH_MAIL_URL", "smtp://user:word@"+listener.Addr().String()+"?tls=none"),
		t.inProduction("AUTH_MAIL_URL", "smtp://"+listener.Addr().String()),
	} {
		app := t.boot(env)
		acc := app.register()
		app.send(forgot(acc.email)).want(http.StatusAccepted)
		app.logs("auth.mail.failed")
		if box.logins > 0 || len(box.To(acc.email)) > 0 {
			t.Errorf("%s: a server in clear gets %d passwords and %d mails", env["ENVIRONMENT"], box.logins, len(box.To(acc.email)))
		}
	}
}

// outsideAddress is an address of this machine that others could reach.
func (t *T) outsideAddress() string {
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	return ""
}

func mailHanging(t *T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.defers(func() { _ = listener.Close() })
	app := t.boot(map[string]string{"AUTH_MAIL_URL": "smtp://" + listener.Addr().String()})
	acc, s := app.member()
	start := time.Now()
	for range 8 { // more than an app may send at once
		app.send(forgot(acc.email)).want(http.StatusAccepted)
		app.send(post("/verify/request", nil).as(s.access)).want(http.StatusAccepted)
	}
	app.change(s, acc.password, newPassword).want(http.StatusNoContent)
	app.me(s.access).want(http.StatusOK)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("while a mail server hangs, 18 requests take %v", took)
	}
}

func mailDead(t *T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	_ = listener.Close()
	app := t.boot(map[string]string{"AUTH_MAIL_URL": "smtp://" + listener.Addr().String()})
	acc := app.register()
	app.send(forgot(acc.email)).want(http.StatusAccepted)
	app.logs("auth.mail.failed")
	app.login(acc.email, acc.password).expect("a login after the mail failed", http.StatusOK)
}

func mailRetry(t *T) {
	box := t.mailbox(plain, nil)
	var lock sync.Mutex
	refused := 0
	box.Refuse = func(string) error {
		lock.Lock()
		defer lock.Unlock()
		if refused++; refused == 1 {
			return &smtp.SMTPError{Code: 451, Message: "busy"}
		}
		return nil
	}
	t.mailing(box, map[string]string{"AUTH_MAIL_URL": box.URL()}).forgetVia()
}

func mailOff(t *T) {
	development := t.boot(map[string]string{"AUTH_MAIL_URL": "", "ENVIRONMENT": "development", "AUTH_PUBLIC_URL": ""})
	acc := development.register()
	development.send(forgot(acc.email)).want(http.StatusAccepted)
	if link := development.loggedLink(); !t.leadsTo(strings.Replace(link, development.target.URL, publicURL, 1), "reset") {
		t.Errorf("in development the log has the link %q", link)
	}
	production := t.boot(t.inProduction("AUTH_MAIL_URL", ""))
	production.logs("AUTH_MAIL_URL")
	production.send(forgot(acc.email)).want(http.StatusAccepted)
	test := t.boot(map[string]string{"AUTH_MAIL_URL": ""})
	test.send(forgot(acc.email)).want(http.StatusAccepted)
	for _, app := range []*T{production, test} {
		app.logs("auth.password.forgot")
		if strings.Contains(app.target.Output(), "#token=") || strings.Contains(app.target.Output(), "#reset=") || strings.Contains(app.target.Output(), acc.email) {
			t.Errorf("a mail is in the log outside development")
		}
	}
}

func mailRefused(t *T) {
	for _, url := range []string{"mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:port", "file:", "smtp://h?from=nobody"} {
		t.refuses("AUTH_MAIL_URL="+url, map[string]string{"AUTH_MAIL_URL": url}, "AUTH_MAIL_URL")
	}
	t.refuses("mail in production without AUTH_PUBLIC_URL", t.inProduction("AUTH_PUBLIC_URL", ""), "AUTH_PUBLIC_URL")
	t.refuses("AUTH_PUBLIC_URL that is none", map[string]string{"AUTH_PUBLIC_URL": "app.example"}, "AUTH_PUBLIC_URL")
}
