//go:build debian

package integration

import "testing"

// The exit statuses of swaks.
const (
	swaksNoRecipient = 24
	swaksNoAuth      = 28
)

func TestSwaks(t *testing.T) {
	swaks := func(status int, more ...string) func(*testing.T, *demo) {
		return func(t *testing.T, d *demo) {
			args := append([]string{"--helo", "swaks.example", "--server", d.smtp, "--from", own}, more...)
			wantTool(t, status, "swaks", args...)
		}
	}
	auth := []string{"--auth-user", user, "--auth-password", password, "--to", "friend@partner.example"}
	eachUse(t, map[string]use{
		"in plaintext": {swaks(0, "--to", own),
			atMX(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		"with STARTTLS": {swaks(0, "-tls", "--to", own),
			atMXWithTLS(page{received: 1, forLocal: 1, processed: 1, delivered: 1, stored: 1})},
		"with STARTTLS and PLAIN": {swaks(0, append(auth, "-tls", "--auth", "PLAIN")...),
			submitted(page{forPartner: 1, delivered: 1, sent: 1})},
		"with STARTTLS and LOGIN": {swaks(0, append(auth, "-tls", "--auth", "LOGIN")...),
			submitted(page{forPartner: 1, delivered: 1, sent: 1})},
		"with TLS from the start": {func(t *testing.T, d *demo) {
			swaks(0, append(auth, "--server", d.submissions, "--tls-on-connect", "--auth", "PLAIN")...)(t, d)
		}, page{connections: 1, implicitTLS: 1, authSuccess: 1, received: 1, forPartner: 1, processed: 1, delivered: 1, sent: 1}},
		"with a wrong password": {swaks(swaksNoAuth, "-tls", "--auth", "PLAIN", "--auth-user", user, "--auth-password", "wrong", "--to", own),
			atMXWithTLS(page{smtpErrors: 1, authFailure: 1})},
		"to nobody": {swaks(swaksNoRecipient, "--to", "nobody@example.org"), atMX(page{smtpErrors: 1})},
		"spam": {swaks(0, "--to", own, "--header", "X-Spam: yes"),
			atMX(page{received: 1, forLocal: 1, processed: 1, dropped: 1, spam: 1})},
	})
}
