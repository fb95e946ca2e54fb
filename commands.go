package otelmail

import (
	"context"
	"slices"
	"time"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/mailconv"
)

// commandNames are the values of the label command: the commands whose duration or refusal
// says something of the server. All others are counted as "other", so that a busy page
// stays short.
var commandNames = []string{
	"MAIL", "RCPT", "DATA", "BDAT", "AUTH", // SMTP, and AUTH of POP3
	"LOGIN", "AUTHENTICATE", "SELECT", "SEARCH", "FETCH", "STORE", "APPEND", // IMAP
	"PASS", "RETR", // POP3
	"Email/get", "Email/query", "Email/set", "EmailSubmission/set", // JMAP
	"other",
}

var (
	protocolLabel = catalog.Label{Key: "protocol", Values: protocolNames,
		Help: "The protocol; LMTP and submission count as smtp"}
	commandLabel = catalog.Label{Key: "command", Values: commandNames,
		Help: "The command or the JMAP method; `other` for those whose duration says little"}

	commandDuration = define(catalog.Metric{
		Name: "command_duration_seconds", Kind: catalog.Histogram, Unit: "s",
		Help:    "How long commands took, from the command to the end of the reply to it; DATA and BDAT with the message that the client sends, IMAP without IDLE",
		Rise:    "RCPT: lookups of users or block lists are slow. DATA: a filter, the disk, or clients on slow lines. AUTH, LOGIN, PASS: the user database. FETCH, SEARCH, SELECT: the store. Compare with " + stageDuration.Name + " and " + storeDuration.Name + ".",
		Labels:  []catalog.Label{protocolLabel, commandLabel},
		Buckets: durationBuckets,
	})
	replies = define(catalog.Metric{
		Name: "replies_total", Kind: catalog.Counter, Unit: "{reply}",
		Help: "Final replies to commands; in LMTP one for each recipient of a message",
		Rise: "5xx and 4xx of SMTP, `no` of IMAP and `error` of POP3 and JMAP are refusals: see which command. `none` are commands that got no reply, because the connection broke or the handshake after STARTTLS failed. The chunks of BDAT are one command.",
		Labels: []catalog.Label{protocolLabel, commandLabel, {Key: "class", Values: replyClasses,
			Help: "SMTP: the class of the reply code; IMAP: ok, no or bad; POP3 and JMAP: ok or error; none without a reply"}},
	})
)

// replyClass is a value of the label class of replies_total.
type replyClass int

const (
	class2xx replyClass = iota
	class3xx
	class4xx
	class5xx
	classOK
	classNo
	classBad
	classError
	classNone
)

var replyClasses = []string{"2xx", "3xx", "4xx", "5xx", "ok", "no", "bad", "error", "none"}

// commandIndexes are the values of the label command by verb.
func commandIndexes[V verb](last V, kept ...V) []int {
	indexes := make([]int, int(last)+1)
	for v := range indexes {
		indexes[v] = len(commandNames) - 1
	}
	for _, v := range kept {
		indexes[v] = slices.Index(commandNames, v.String())
	}
	return indexes
}

var (
	smtpCommandIndexes = commandIndexes(mailconv.SMTPStartTLS,
		mailconv.SMTPMail, mailconv.SMTPRcpt, mailconv.SMTPData, mailconv.SMTPBdat, mailconv.SMTPAuth)
	imapCommandIndexes = commandIndexes(mailconv.IMAPSetMetadata,
		mailconv.IMAPLogin, mailconv.IMAPAuthenticate, mailconv.IMAPSelect, mailconv.IMAPSearch,
		mailconv.IMAPFetch, mailconv.IMAPStore, mailconv.IMAPAppend)
	pop3CommandIndexes = commandIndexes(mailconv.POP3Stls,
		mailconv.POP3Pass, mailconv.POP3Auth, mailconv.POP3Retr)
	jmapCommandIndexes = func() []int {
		indexes := make([]int, len(jmapMethods))
		for i, method := range jmapMethods {
			indexes[i] = slices.Index(commandNames, method)
			if indexes[i] < 0 {
				indexes[i] = len(commandNames) - 1
			}
		}
		return indexes
	}()
)

// indexOf is the value of the label command of a verb.
func indexOf[V verb](indexes []int, v V) int {
	if int(v) >= len(indexes) {
		v = 0
	}
	return indexes[v]
}

// commands counts what the commands of all protocols have in common.
type commands struct {
	duration labelledHistogram
	replies  labelledCounter
	auth     labelledCounter
}

func newCommands(b *binder) *commands {
	return &commands{
		duration: b.labelledHistogram(commandDuration),
		replies:  b.labelledCounter(replies),
		auth:     b.labelledCounter(authAttempts),
	}
}

// ended counts a command that has ended and the reply to it.
func (c *commands) ended(ctx context.Context, p protocol, command int, begun instant, class replyClass) {
	if c == nil {
		return
	}
	c.took(ctx, p, command, begun)
	c.replies.add(1, int(p), command, int(class))
}

func (c *commands) took(ctx context.Context, p protocol, command int, begun instant) {
	c.duration.record(ctx, begun.elapsed(), int(p), command)
}

// instant is a time of this process, for durations: a third of the size of a [time.Time] and
// half of the price.
type instant time.Duration

var processBegun = time.Now()

func now() instant { return instant(time.Since(processBegun)) }

// elapsed is 0 for the zero value, which is that of a command nobody has begun.
func (i instant) elapsed() time.Duration {
	if i == 0 {
		return 0
	}
	return time.Duration(now() - i)
}

// instantOf is the instant of a time that was taken before.
func instantOf(t time.Time) instant { return instant(t.Sub(processBegun)) }

// smtpClass is the class of a reply code.
func smtpClass(r *Reply) replyClass {
	if r.Code < 200 || r.Code > 599 {
		return classNone
	}
	return replyClass(r.Code/100 - 2)
}

// The methods of connections do nothing for the zero value of an area.

func (c *connections) commandEnded(cmd *SMTPCommand, r *Reply) {
	c.took(cmd)
	c.replied(cmd, r)
}

func (c *connections) took(cmd *SMTPCommand) {
	if c != nil {
		c.commands.took(cmd.Context(), protocolSMTP, indexOf(smtpCommandIndexes, cmd.verb), cmd.begun)
	}
}

func (c *connections) replied(cmd *SMTPCommand, r *Reply) {
	if c != nil {
		c.commands.replies.add(1, int(protocolSMTP), indexOf(smtpCommandIndexes, cmd.verb), int(smtpClass(r)))
	}
}

func (s *session) noteMechanism(name string) {
	if s != nil && name != "" {
		s.mechanism.Store(int32(mechanismIndex(name)) + 1)
	}
}
