package otelmail

import (
	"cmp"
	"strings"

	"github.com/rusmes/otelmail/mailconv"
)

// IMAPCommand is a command in progress. End it exactly once, with End or Abandon.
type IMAPCommand struct {
	Op
	imap    *IMAP
	session *session
	verb    mailconv.IMAPVerb
	begun   instant
}

// IMAPFacts are what is known of a command. All are optional.
type IMAPFacts struct {
	User      string             // who is logged in, or tries to by LOGIN or AUTHENTICATE; shown as the privacy policy allows
	Mailbox   string             // the mailbox it is about; likewise
	State     mailconv.IMAPState // the session's, when the command began
	Mechanism string             // the SASL mechanism of AUTHENTICATE; an unknown one is "_OTHER"
}

// Note adds what is known of the command, for its span and for what its end counts.
func (c IMAPCommand) Note(facts IMAPFacts) {
	c.session.noteMechanism(facts.Mechanism)
	if c.logsIn() {
		c.session.knows().noteLogin(facts.User)
	}
	if c.Recording() {
		c.imap.tracer.describe(c.span).
			user(facts.User).mailbox(facts.Mailbox).text(mailconv.IMAPStateKey, facts.State.String()).set()
	}
}

// IMAPResult is the result in a command's reply (RFC 9051 section 7.1).
type IMAPResult uint8

// The results.
const (
	IMAPBroken IMAPResult = iota // no reply: the session broke
	IMAPOK                       // done
	IMAPNo                       // refused or failed
	IMAPBad                      // not understood
)

var imapResults = []string{"broken", "ok", "no", "bad"}

// String returns "broken", "ok", "no" or "bad", and "_OTHER" for what is none of them, which
// counts as an error.
func (r IMAPResult) String() string { return memberOf(imapResults, r, other) }

// IMAPReply is how a command ended. The zero value is no reply.
type IMAPReply struct {
	Result IMAPResult
	// Code is the response code: one of RFC 9051 section 7.1 or its extensions, in any
	// case; what follows its name is ignored. Example: "AUTHENTICATIONFAILED".
	Code string
	// Cause says why there was no reply, or what lies behind NO or BAD.
	Cause Cause
}

// End ends the command: every result but [IMAPOK] is an error. Its error.type is the
// cause, else the code if it is a known one, else the result.
func (c IMAPCommand) End(r IMAPReply) {
	if c.imap == nil {
		return
	}
	c.imap.commands.Add(1)
	if r.Result != IMAPOK {
		c.imap.errors.Add(1)
	}
	c.session.answers(int(c.verb), c.begun)
	c.count(&r)
	if r.Cause == CausePanic {
		c.session.panics()
	}
	if !c.Recording() {
		c.end("")
		return
	}
	c.imap.tracer.describe(c.span).add(mailconv.IMAPStatusKey.String(r.Result.String())).set()
	c.end(r.errorType())
}

// imapClasses are the values of the label class by result.
var imapClasses = [...]replyClass{IMAPBroken: classNone, IMAPOK: classOK, IMAPNo: classNo, IMAPBad: classBad}

func (c *IMAPCommand) count(r *IMAPReply) {
	conns, command := c.imap.conns, indexOf(imapCommandIndexes, c.verb)
	if conns == nil {
		return
	}
	if c.verb != mailconv.IMAPIdle { // its length is the client's choice
		conns.commands.took(c.Context(), protocolIMAP, command, c.begun)
	}
	conns.commands.replies.add(1, int(protocolIMAP), command, int(imapClasses[min(r.Result, IMAPBad)]))
	if c.verb == mailconv.IMAPLogin {
		c.session.noteMechanism("LOGIN")
	}
	if c.logsIn() {
		conns.authEnded(c.ctx, c.imap.tracer, c.session, protocolIMAP, login{result: r.authResult(), errorType: r.errorType()})
	}
}

func (c *IMAPCommand) logsIn() bool {
	return c.verb == mailconv.IMAPLogin || c.verb == mailconv.IMAPAuthenticate
}

func (r *IMAPReply) errorType() string {
	if r.Result == IMAPOK {
		return ""
	}
	return cmp.Or(r.Cause.String(), knownIMAPCode(r.Code), r.Result.String())
}

// Abandon ends the command of a client that has left without waiting for the reply:
// its span is over, but it has no result and is not counted.
func (c IMAPCommand) Abandon() {
	c.session.answers(int(c.verb), c.begun)
	c.end("")
}

// imapCodes are the response codes that a NO or BAD may carry: RFC 9051 section
// 7.1 (with those of RFC 5530), and those of METADATA (RFC 5464), APPENDLIMIT
// (RFC 7889) and CONDSTORE (RFC 7162). A backend may put any text there, so
// the set has to be closed.
var imapCodes = map[string]bool{
	"ALERT": true, "ALREADYEXISTS": true, "AUTHENTICATIONFAILED": true,
	"AUTHORIZATIONFAILED": true, "BADCHARSET": true, "CANNOT": true, "CLIENTBUG": true,
	"CONTACTADMIN": true, "CORRUPTION": true, "EXPIRED": true, "EXPUNGEISSUED": true,
	"HASCHILDREN": true, "INUSE": true, "LIMIT": true,
	"METADATA": true, "MODIFIED": true, "NONEXISTENT": true, "NOPERM": true,
	"NOPRIVATE": true, "NOTSAVED": true, "OVERQUOTA": true, "PARSE": true,
	"PRIVACYREQUIRED": true, "SERVERBUG": true, "TOOBIG": true, "TOOMANY": true,
	"TRYCREATE": true, "UIDNOTSTICKY": true, "UNAVAILABLE": true, "UNKNOWN-CTE": true,
}

// knownIMAPCode returns a code in upper case, "" for one that is not known.
func knownIMAPCode(code string) string {
	if code == "" {
		return ""
	}
	code, _, _ = strings.Cut(code[:min(len(code), maxIMAPCode)], " ")
	if code = strings.ToUpper(code); imapCodes[code] {
		return code
	}
	return ""
}

// maxIMAPCode is longer than any known code: there is no need to look further.
const maxIMAPCode = 32
