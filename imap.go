package otelmail

import (
	"context"
	"strings"

	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

// IMAPVerb is an IMAP command. The zero value stands for every command that is
// not known.
type IMAPVerb uint8

// The commands of RFC 9051 and its predecessors, and of the common extensions.
const (
	IMAPOther IMAPVerb = iota
	IMAPCapability
	IMAPNoop
	IMAPLogout
	IMAPStartTLS
	IMAPAuthenticate
	IMAPLogin
	IMAPEnable
	IMAPSelect
	IMAPExamine
	IMAPCreate
	IMAPDelete
	IMAPRename
	IMAPSubscribe
	IMAPUnsubscribe
	IMAPList
	IMAPLsub
	IMAPNamespace
	IMAPStatus
	IMAPAppend
	IMAPIdle
	IMAPCheck
	IMAPClose
	IMAPUnselect
	IMAPExpunge
	IMAPSearch
	IMAPSort
	IMAPThread
	IMAPFetch
	IMAPStore
	IMAPCopy
	IMAPMove
	IMAPID
	IMAPUnauthenticate
	IMAPGetQuota
	IMAPGetQuotaRoot
	IMAPGetACL
	IMAPMyRights
	IMAPGetMetadata
	IMAPSetMetadata
)

var imapVerbs = newNameSet("IMAP", "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN",
	"ENABLE", "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST",
	"LSUB", "NAMESPACE", "STATUS", "APPEND", "IDLE", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH",
	"SORT", "THREAD", "FETCH", "STORE", "COPY", "MOVE", "ID", "UNAUTHENTICATE", "GETQUOTA",
	"GETQUOTAROOT", "GETACL", "MYRIGHTS", "GETMETADATA", "SETMETADATA")

// String returns the command in upper case, "_OTHER" for an unknown one.
func (v IMAPVerb) String() string { return imapVerbs.values[imapVerbs.index(int(v))] }

// ParseIMAPVerb returns the command of a name in any case, without "UID ".
func ParseIMAPVerb(name string) IMAPVerb { return IMAPVerb(imapVerbs.find(name)) }

// IMAPResult is how a command ended (RFC 9051 section 7.1).
type IMAPResult uint8

// The results.
const (
	IMAPOK     IMAPResult = iota // done
	IMAPNo                       // refused or failed
	IMAPBad                      // not understood
	IMAPBroken                   // no result: the session broke
)

var imapResults = [...]string{"ok", "no", "bad", "broken"}

// String returns "ok", "no", "bad" or "broken".
func (r IMAPResult) String() string { return imapResults[min(int(r), len(imapResults)-1)] }

var (
	imapConnections = define(Metric{
		Name: "imap_connections_total", Kind: Counter, Unit: "{connection}",
		Help: "IMAP connections accepted",
		Rise: "More clients connect, or clients that are thrown out come back at once: compare with imap_errors_total.",
	})
	imapCommands = define(Metric{
		Name: "imap_commands_total", Kind: Counter, Unit: "{command}",
		Help: "IMAP commands that ended",
		Rise: "Clients are busier. One client that polls in a loop shows in the spans by its user.hash.",
	})
	imapErrors = define(Metric{
		Name: "imap_errors_total", Kind: Counter, Unit: "{error}",
		Help: "IMAP commands that ended in NO or BAD, and broken sessions",
		Rise: "NO: failed logins or missing mailboxes; BAD: a broken client; broken sessions: the network or our own restart.",
	})
)

// IMAP records what an IMAP server does (RFC 9051). All methods are safe for
// concurrent use.
type IMAP struct {
	tracer      *tracer
	conns       *connections
	connections *count.Counter
	commands    *count.Counter
	errors      *count.Counter
}

func newIMAP(b *binder, t *tracer, conns *connections) *IMAP {
	return &IMAP{
		tracer: t, conns: conns,
		connections: b.counter(imapConnections),
		commands:    b.counter(imapCommands),
		errors:      b.counter(imapErrors),
	}
}

// IMAPSession is one IMAP connection in progress. An IMAP session may last for
// days, so it has no span of its own: each command is a trace, or a child of
// what the context given to Session holds.
type IMAPSession struct {
	Op
	*session
	imap *IMAP
	conn Conn
}

// Session begins a session on a connection that was accepted. End it exactly
// once; further calls have no effect.
func (i *IMAP) Session(ctx context.Context, c Conn) IMAPSession {
	i = orEmpty(i)
	i.connections.Add(1)
	i.conns.opened(ProtocolIMAP, c)
	if ctx == nil {
		ctx = context.Background()
	}
	op := Op{ctx: ctx}
	return IMAPSession{op, &session{Op: op, tracer: i.tracer, conns: i.conns, protocol: ProtocolIMAP}, i, c}
}

// Command begins a command of the session.
func (s IMAPSession) Command(verb IMAPVerb, facts IMAPFacts) IMAPCommand {
	c := s.imap.Command(s.Context(), verb, facts)
	if c.recording() {
		about := s.conn
		if state := s.tls.Load(); state != nil {
			about.TLS = state
		}
		s.imap.tracer.describe(c.span).conn(ProtocolIMAP.String(), about).set()
	}
	return c
}

// Refused notes an untagged BAD: an error that belongs to no command (RFC 9051
// section 7.1.3), such as a line of the client's that is none.
func (s IMAPSession) Refused() {
	if s.session != nil {
		s.imap.errors.Add(1)
	}
}

// End ends the session. A cause other than [CauseNone] says that it broke, and
// counts as an error.
func (s IMAPSession) End(cause Cause) {
	if s.finish(cause) && cause != CauseNone {
		s.imap.errors.Add(1)
	}
}

// IMAPFacts are what is known of a command when it begins. All are optional.
type IMAPFacts struct {
	User    string // who is logged in; shown as the privacy policy allows
	Mailbox string // the mailbox it is about; likewise
	State   string // of RFC 9051 section 3, see mailconv.IMAPStateKey
}

// Command begins a command outside of an [IMAPSession].
func (i *IMAP) Command(ctx context.Context, verb IMAPVerb, facts IMAPFacts) IMAPCommand {
	n := imapVerbs.index(int(verb))
	c := IMAPCommand{Op: orEmpty(i).tracer.begin(ctx, imapVerbs.spans[n], serverKind), imap: i}
	c.describe(n, facts)
	return c
}

// describe sets what is known of a command.
func (c IMAPCommand) describe(verb int, facts IMAPFacts) {
	if c.recording() {
		c.imap.tracer.describe(c.span).
			add(mailconv.IMAPCommandKey.String(imapVerbs.values[verb])).
			user(facts.User).mailbox(facts.Mailbox).text(mailconv.IMAPStateKey, facts.State).set()
	}
}

// IMAPCommand is a command in progress. End it exactly once.
type IMAPCommand struct {
	Op
	imap *IMAP
}

// Refine corrects the verb of a command that turned out to be another one than
// it seemed, and adds facts learned since.
func (c IMAPCommand) Refine(verb IMAPVerb, facts IMAPFacts) {
	if c.recording() {
		n := imapVerbs.index(int(verb))
		c.span.SetName(imapVerbs.spans[n])
		c.describe(n, facts)
	}
}

// End ends the command: every result but [IMAPOK] is an error. The cause is the
// error.type where it is known; else it is the result.
func (c IMAPCommand) End(r IMAPResult, cause Cause) { c.finish(r, cause.String()) }

// EndCode ends the command as End does, with the response code of its reply as
// the error.type: one of RFC 9051 section 7.1 or its extensions, in any case;
// what follows its name is ignored. Example: "AUTHENTICATIONFAILED". For "" and
// for codes that are not known the error.type is the result.
func (c IMAPCommand) EndCode(r IMAPResult, code string) { c.finish(r, knownIMAPCode(code)) }

// Abandon ends the command of a client that has left without waiting for the reply:
// its span is over, but it has no result and is not counted.
func (c IMAPCommand) Abandon() { c.end("") }

func (c IMAPCommand) finish(r IMAPResult, errorType string) {
	if c.imap == nil {
		return
	}
	c.imap.commands.Add(1)
	failed := r != IMAPOK
	if failed {
		c.imap.errors.Add(1)
	}
	if c.recording() {
		c.imap.tracer.describe(c.span).add(mailconv.IMAPStatusKey.String(r.String())).set()
		if failed {
			c.end(firstOf(errorType, r.String()))
			return
		}
	}
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

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
