package otelmail

import (
	"slices"
	"strings"

	"github.com/rusmes/otelmail/catalog"
)

// mechanisms are the values of the label mechanism: SASL mechanisms in use, POP3's own
// commands and the schemes of HTTP.
var mechanisms = []string{"PLAIN", "LOGIN", "ANONYMOUS", "EXTERNAL", "CRAM-MD5", "DIGEST-MD5", "GSSAPI", "NTLM",
	"XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
	"PASS", "APOP", "Basic", "Bearer", other}

// saslMechanisms is how many of them SASL has.
var saslMechanisms = slices.Index(mechanisms, "PASS")

var authAttempts = define(catalog.Metric{
	Name: "auth_attempts_total", Kind: catalog.Counter, Unit: "{attempt}",
	Help: "Attempts to log in, by protocol, mechanism and result",
	Rise: "`failure` alone rises: passwords are guessed, or a client has an old one; by the spans' user.hash, one account or many. `error` rises: the user database is away, and nobody gets in. `success` falls to nothing while connections go on: likewise, or TLS is broken.",
	Labels: []catalog.Label{protocolLabel,
		{Key: "mechanism", Values: mechanisms,
			Help: "The SASL mechanism; LOGIN is IMAP's command too, PASS and APOP are POP3's, Basic and Bearer HTTP's; `_OTHER` for what else a client names, or where it is not known"},
		{Key: "result", Values: authResults,
			Help: "success; failure: the credentials, or the mechanism, were refused; error: the server could not tell; aborted: the client gave up or left, or was not understood, or it was not the time for it"}},
})

// authResult is how an attempt to log in ended.
type authResult int

const (
	authSuccess authResult = iota
	authFailure
	authError
	authAborted
)

var authResults = []string{"success", "failure", "error", "aborted"}

// mechanismIndex finds a mechanism in any case; the last, "_OTHER", for what is not known.
func mechanismIndex(name string) int {
	for i, m := range mechanisms {
		if len(m) == len(name) && strings.EqualFold(m, name) {
			return i
		}
	}
	return len(mechanisms) - 1
}

// saslMechanism returns a registered mechanism that is in use, "_OTHER" for whatever
// else a client names.
func saslMechanism(name string) string {
	if i := mechanismIndex(name); i < saslMechanisms {
		return mechanisms[i]
	}
	return other
}

func (c *commands) authenticated(p protocol, mechanism int, result authResult) {
	if c != nil {
		c.auth.add(1, int(p), mechanism, int(result))
	}
}

// result is how AUTH ended (RFC 4954 section 6: 501 is the answer to a client that
// cancels; section 4: 454 and other 4xx are the server's own trouble). Of what was not understood
// or is out of order (RFC 5321 section 4.2.4) nobody has looked at the credentials; 504 refuses the mechanism.
func (r *Reply) authResult() authResult {
	switch {
	case r.accepted():
		return authSuccess
	case r.Cause == CausePanic || r.refused() && (r.Code < 500 || r.Enhanced[0] == 4):
		return authError
	case r.Code >= 500 && r.Code <= 503 || !r.refused():
		return authAborted
	}
	return authFailure
}

// authResult is how LOGIN or AUTHENTICATE ended (RFC 9051 section 6.2.2: BAD is the answer
// to a client that cancels; RFC 5530 has the codes).
func (r *IMAPReply) authResult() authResult {
	switch r.Result {
	case IMAPOK:
		return authSuccess
	case IMAPNo:
		switch code := knownIMAPCode(r.Code); {
		case r.Cause != CauseNone, code == "UNAVAILABLE", code == "SERVERBUG", code == "INUSE", code == "LIMIT", code == "CONTACTADMIN", code == "CORRUPTION":
			return authError
		}
		return authFailure
	}
	if r.Cause == CausePanic {
		return authError
	}
	return authAborted
}

// authResult is how PASS, APOP or AUTH ended.
func (r *POP3Reply) authResult() authResult {
	switch {
	case r.OK:
		return authSuccess
	case r.Cause == CauseNone:
		return authFailure
	case r.Cause == CauseStorage || r.Cause == CausePanic || r.Cause == CauseOther || r.Cause == CauseTimeout:
		return authError
	}
	return authAborted
}
