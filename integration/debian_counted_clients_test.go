//go:build debian

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/sessions"
)

func overSMTP(d *demo) string        { return d.smtp }
func overSubmissions(d *demo) string { return d.submissions }
func overIMAP(d *demo) string        { return d.imap }
func overPOP3(d *demo) string        { return d.pop3 }

// write writes a file into the client's folder; nobody else may read it, or clients
// complain about their passwords.
func (a at) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantFiles wants so many files that match a pattern in the client's folder.
func (a at) wantFiles(t *testing.T, n int, pattern string) {
	t.Helper()
	if found, err := filepath.Glob(filepath.Join(a.dir, pattern)); err != nil || len(found) != n {
		t.Errorf("%d files are %s, want %d: %v", len(found), pattern, n, err)
	}
}

func TestMbsyncIsCounted(t *testing.T) {
	mbsync := func(ssl, password string, status int) func(*testing.T, at) {
		return func(t *testing.T, a at) {
			settings := a.write(t, "mbsyncrc", strings.NewReplacer("HOST", a.host, "PORT", a.port, "USER", user, "PASS", password,
				"SECURITY", ssl, "CERTIFICATE", a.certificate, "DIR", a.dir).Replace(`IMAPAccount demo
Host HOST
Port PORT
User USER
Pass PASS
SSLType SECURITY
SystemCertificates no
CertificateFile CERTIFICATE
AuthMechs LOGIN

IMAPStore far
Account demo

MaildirStore near
Path DIR/mail/
Inbox DIR/mail/INBOX
SubFolders Verbatim

Channel demo
Far :far:
Near :near:
Patterns *
Create Near
Expunge None
Sync All
SyncState *
`))
			a.write(t, "mail/.keep", "")
			wantTool(t, status, "mbsync", "--config", settings, "--all")
			if status != 0 {
				return
			}
			a.wantFiles(t, letters, "mail/INBOX/*/*U=*")
			a.write(t, "mail/INBOX/new/1.1_1.client", letter(own, own, "Written here."))
			wantTool(t, 0, "mbsync", "--config", settings, "--all")
			a.wantFiles(t, letters+1, "mail/INBOX/*/*U=*")
		}
	}
	read := []string{"IMAP LOGIN ok", "IMAP SELECT ok", "IMAP FETCH ok", "IMAP APPEND ok", "IMAP LOGOUT ok"}
	eachCounted(t, map[string]counted{
		"in plaintext":  {sessions.IMAP, sessions.Plaintext, overIMAP, mbsync("None", password, 0), page{stored: 1}, read},
		"with STARTTLS": {sessions.IMAP, sessions.StartTLS, overIMAP, mbsync("STARTTLS", password, 0), page{stored: 1}, append(read, "IMAP STARTTLS ok")},
		"with a wrong password": {sessions.IMAP, sessions.StartTLS, overIMAP, mbsync("STARTTLS", "wrong", 1), nil,
			[]string{"IMAP STARTTLS ok", "IMAP LOGIN no"}},
	})
}

func TestFetchmailIsCounted(t *testing.T) {
	fetchmail := func(protocol, options, password string, status, got int) func(*testing.T, at) {
		return func(t *testing.T, a at) {
			settings := a.write(t, "fetchmailrc", fmt.Sprintf(`poll %s protocol %s port %s timeout 30 auth password
user "%s" password "%s" fetchall %s mda "cat >$(mktemp %s/got.XXXXXX)"
`, a.host, protocol, a.port, user, password, strings.ReplaceAll(options, "CERTIFICATE", a.certificate), a.dir))
			wantTool(t, status, "env", "FETCHMAILHOME="+a.dir, "fetchmail", "--fetchmailrc", settings, "--nosyslog")
			a.wantFiles(t, got, "got.*")
		}
	}
	const (
		plain    = "sslproto ''"
		starttls = "sslproto 'tls1.2+' sslcertck sslcertfile 'CERTIFICATE'"
		refused  = 3 // PS_AUTHFAIL
	)
	pop3 := []string{"POP3 PASS ok", "POP3 RETR ok", "POP3 QUIT ok"}
	imap := []string{"IMAP LOGIN ok", "IMAP FETCH ok", "IMAP LOGOUT ok"}
	eachCounted(t, map[string]counted{
		"POP3": {sessions.POP3, sessions.Plaintext, overPOP3, fetchmail("pop3", plain+" keep", password, 0, letters), nil, pop3},
		"POP3 over STLS, deleting": {sessions.POP3, sessions.StartTLS, overPOP3, fetchmail("pop3", starttls, password, 0, letters),
			page{stored: -letters}, append(pop3, "POP3 STLS ok", "POP3 DELE ok")},
		"POP3 with a wrong password": {sessions.POP3, sessions.Plaintext, overPOP3, fetchmail("pop3", plain, "wrong", refused, 0), nil,
			[]string{"POP3 PASS err"}},
		"IMAP": {sessions.IMAP, sessions.Plaintext, overIMAP, fetchmail("imap", plain+" keep", password, 0, letters), nil, imap},
		"IMAP over STARTTLS, deleting": {sessions.IMAP, sessions.StartTLS, overIMAP, fetchmail("imap", starttls, password, 0, letters),
			page{stored: -letters}, append(imap, "IMAP STARTTLS ok", "IMAP STORE ok", "IMAP EXPUNGE ok")},
		"IMAP with a wrong password": {sessions.IMAP, sessions.Plaintext, overIMAP, fetchmail("imap", plain, "wrong", refused, 0), nil,
			[]string{"IMAP LOGIN no"}},
	})
}

func TestMuttIsCounted(t *testing.T) {
	settings := func(t *testing.T, a at, tls bool) string {
		t.Helper()
		starttls := map[bool]string{true: "yes", false: "no"}[tls]
		return a.write(t, "muttrc", strings.NewReplacer("HOST", a.host, "PORT", a.port, "USER", user, "PASS", password,
			"CERTIFICATE", a.certificate, "DIR", a.dir, "OWN", own, "STARTTLS", starttls).Replace(`set imap_user=USER imap_pass=PASS imap_authenticators=login
set smtp_url=smtp://USER@HOST:PORT/ smtp_pass=PASS from=OWN copy=no
set ssl_starttls=STARTTLS ssl_force_tls=STARTTLS certificate_file=CERTIFICATE
set tmpdir=DIR folder=DIR quit=yes delete=yes mark_old=no
`))
	}
	reads := func(tls bool, keys string) func(*testing.T, at) {
		return func(t *testing.T, a at) {
			wantTool(t, 0, "env", "TERM=xterm", "HOME="+a.dir, "script", "--quiet", "--return", "--command",
				fmt.Sprintf("mutt -n -F %s -f imap://%s:%s/INBOX -e 'push %s'", settings(t, a, tls), a.host, a.port, keys), filepath.Join(a.dir, "screen"))
		}
	}
	sends := func(tls bool) func(*testing.T, at) {
		return func(t *testing.T, a at) {
			wantTool(t, 0, "env", "HOME="+a.dir, "mutt", "-n", "-F", settings(t, a, tls), "-s", "From mutt",
				"-i", a.write(t, "body", "Good morning.\n.\n"), "-a", a.certificate, "--", "friend@partner.example", own)
		}
	}
	read := []string{"IMAP LOGIN ok", "IMAP SELECT ok", "IMAP FETCH ok", "IMAP LOGOUT ok"}
	sent2 := page{processed: 1, delivered: 2, sent: 1, stored: 1}
	eachCounted(t, map[string]counted{
		"reads": {sessions.IMAP, sessions.Plaintext, overIMAP, reads(false, "<display-message><exit><quit>"), nil, read},
		"reads and deletes over STARTTLS": {sessions.IMAP, sessions.StartTLS, overIMAP,
			reads(true, "<display-message><exit><delete-message><sync-mailbox><quit>"), page{stored: -1},
			append(read, "IMAP STARTTLS ok", "IMAP STORE ok", "IMAP EXPUNGE ok")},
		"sends":               {sessions.SMTP, sessions.Plaintext, overSMTP, sends(false), sent2, []string{"SMTP AUTH 235", "SMTP DATA 250"}},
		"sends over STARTTLS": {sessions.SMTP, sessions.StartTLS, overSMTP, sends(true), sent2, []string{"SMTP STARTTLS 220", "SMTP AUTH 235", "SMTP DATA 250"}},
	})
}

func TestSwaksIsCounted(t *testing.T) {
	swaks := func(status int, more ...string) func(*testing.T, at) {
		return func(t *testing.T, a at) {
			wantTool(t, status, "swaks", append([]string{"--helo", "swaks.example", "--server", a.host, "--port", a.port, "--from", own,
				"--auth-user", user, "--auth-password", password}, more...)...)
		}
	}
	friend := []string{"--pipeline", "--to", "friend@partner.example"}
	away := page{processed: 1, delivered: 1, sent: 1}
	eachCounted(t, map[string]counted{
		"PIPELINING": {sessions.SMTP, sessions.Plaintext, overSMTP, swaks(0, append(friend, "--auth", "PLAIN")...), away,
			[]string{"SMTP AUTH 235", "SMTP DATA 250"}},
		"PIPELINING and STARTTLS": {sessions.SMTP, sessions.StartTLS, overSMTP, swaks(0, append(friend, "--auth", "LOGIN", "-tls")...), away,
			[]string{"SMTP STARTTLS 220", "SMTP AUTH 235", "SMTP DATA 250"}},
		"PIPELINING and TLS from the start": {sessions.SMTP, sessions.Implicit, overSubmissions,
			swaks(0, append(friend, "--auth", "PLAIN", "--tls-on-connect")...), away, []string{"SMTP AUTH 235", "SMTP DATA 250"}},
		"one of two recipients": {sessions.SMTP, sessions.StartTLS, overSMTP,
			swaks(0, "--pipeline", "-tls", "--auth", "PLAIN", "--to", own+",nobody@example.org"),
			page{processed: 1, delivered: 1, stored: 1}, []string{"SMTP RCPT 550", "SMTP RCPT 250", "SMTP DATA 250"}},
		"no recipient, and DATA all the same": {sessions.SMTP, sessions.StartTLS, overSMTP,
			swaks(swaksNoRecipient, "--pipeline", "-tls", "--auth", "PLAIN", "--to", "nobody@example.org"), nil,
			[]string{"SMTP RCPT 550"}},
		"a wrong password, in every way": {sessions.SMTP, sessions.StartTLS, overSMTP,
			swaks(swaksNoAuth, "-tls", "--auth", "PLAIN,LOGIN", "--auth-password", "wrong", "--to", own), nil,
			[]string{"SMTP AUTH 535"}},
	})
}
