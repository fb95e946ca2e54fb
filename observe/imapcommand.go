package observe

import (
	"hash/maphash"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// maxIMAPCommands is how many commands may be in progress. The replies to more are
// counted like all others, but have no span that shows the wait for them.
const maxIMAPCommands = 64

// imapCommand is a command in progress.
type imapCommand struct {
	otelmail.IMAPCommand
	number   uint64 // of the command in its session
	tag      uint64 // its hash
	verb     mailconv.IMAPVerb
	begun    bool // it has a span: IDLE only when the client's wait is over
	complete bool // its last line has come
	compress bool
	plain    bool   // AUTHENTICATE PLAIN whose response is still to come
	badTag   bool   // no tag as RFC 9051 has it: the server may be unable to repeat it
	name     string // of the mailbox or the user that it names
	sasl     string // the mechanism of AUTHENTICATE
	cause    otelmail.Cause
}

// imapCommands are the commands in progress, the oldest first.
type imapCommands struct {
	all   []imapCommand
	count uint64 // of commands so far
}

func (c *imapCommands) oldest() *imapCommand {
	if len(c.all) == 0 {
		return nil
	}
	return &c.all[0]
}

// add adds a command; it returns nil if there are too many.
func (c *imapCommands) add(cmd imapCommand) *imapCommand {
	c.count++
	if len(c.all) >= maxIMAPCommands {
		return nil
	}
	cmd.number = c.count
	c.all = append(c.all, cmd)
	return &c.all[len(c.all)-1]
}

func (c *imapCommands) remove(i int) imapCommand {
	cmd := c.all[i]
	last := len(c.all) - 1
	copy(c.all[i:], c.all[i+1:])
	c.all[last] = imapCommand{}
	c.all = c.all[:last]
	return cmd
}

// index is where the oldest command with a tag is, -1 for none.
func (c *imapCommands) index(tag uint64) int {
	for i := range c.all {
		if c.all[i].tag == tag {
			return i
		}
	}
	return -1
}

// numbered returns a command by its number, nil if it is over.
func (c *imapCommands) numbered(number uint64) *imapCommand {
	for i := range c.all {
		if c.all[i].number == number {
			return &c.all[i]
		}
	}
	return nil
}

func (d *IMAPDialogue) hash(tag []byte) uint64 { return maphash.Bytes(d.seed, tag) }

// start begins the span of a command.
func (d *IMAPDialogue) start(c *imapCommand) {
	facts := otelmail.IMAPFacts{User: d.user, State: d.state, Mechanism: c.sasl}
	switch {
	case namesMailbox(c.verb):
		facts.Mailbox = c.name
	case onSelected(c.verb):
		facts.Mailbox = d.mailbox
	}
	c.IMAPCommand = d.session.Command(c.verb)
	c.Note(facts)
	c.begun = true
}

// finish ends a command with its result. The code is that of the reply.
func (d *IMAPDialogue) finish(c *imapCommand, result otelmail.IMAPResult, cause otelmail.Cause, code string) {
	if !c.begun {
		d.start(c)
	}
	if c.cause != otelmail.CauseNone {
		cause = c.cause
	}
	if c.verb == mailconv.IMAPLogin || c.verb == mailconv.IMAPAuthenticate {
		if result != otelmail.IMAPOK || d.config.user == nil { // else only the application knows who has logged in
			c.Note(otelmail.IMAPFacts{User: c.name})
		}
	}
	c.End(otelmail.IMAPReply{Result: result, Code: code, Cause: cause})
}

// Abandon ends a command that will not be answered, and is counted nowhere.
func (c *imapCommand) Abandon() {
	if c.begun {
		c.IMAPCommand.Abandon()
	}
}

// became takes what a result means for the state of the session (RFC 9051
// section 3).
func (d *IMAPDialogue) became(c *imapCommand, result otelmail.IMAPResult) {
	if result != otelmail.IMAPOK {
		// After a SELECT that fails no mailbox is selected (section 6.3.2).
		if selects(c.verb) && result == otelmail.IMAPNo && d.state == mailconv.IMAPSelected {
			d.state, d.mailbox = mailconv.IMAPAuthenticated, ""
		}
		return
	}
	switch c.verb {
	case mailconv.IMAPLogin, mailconv.IMAPAuthenticate:
		d.state, d.user, d.loggedIn = mailconv.IMAPAuthenticated, c.name, true
	case mailconv.IMAPSelect, mailconv.IMAPExamine:
		d.state, d.mailbox = mailconv.IMAPSelected, c.name
	case mailconv.IMAPClose, mailconv.IMAPUnselect:
		d.state, d.mailbox = mailconv.IMAPAuthenticated, ""
	case mailconv.IMAPUnauthenticate:
		d.state, d.user, d.mailbox = mailconv.IMAPNotAuthenticated, "", ""
	case mailconv.IMAPLogout:
		d.state, d.mailbox, d.goodbye = mailconv.IMAPLoggedOut, "", true
	}
}

func selects(v mailconv.IMAPVerb) bool {
	return v == mailconv.IMAPSelect || v == mailconv.IMAPExamine
}

// namesMailbox reports whether a command's first argument is a mailbox.
func namesMailbox(v mailconv.IMAPVerb) bool {
	switch v {
	case mailconv.IMAPSelect, mailconv.IMAPExamine, mailconv.IMAPCreate, mailconv.IMAPDelete,
		mailconv.IMAPRename, mailconv.IMAPSubscribe, mailconv.IMAPUnsubscribe, mailconv.IMAPStatus,
		mailconv.IMAPAppend, mailconv.IMAPGetQuotaRoot, mailconv.IMAPGetACL, mailconv.IMAPMyRights,
		mailconv.IMAPGetMetadata, mailconv.IMAPSetMetadata:
		return true
	}
	return false
}

// onSelected reports whether a command is about the selected mailbox.
func onSelected(v mailconv.IMAPVerb) bool {
	switch v {
	case mailconv.IMAPNoop, mailconv.IMAPIdle, mailconv.IMAPCheck, mailconv.IMAPClose,
		mailconv.IMAPUnselect, mailconv.IMAPExpunge, mailconv.IMAPSearch, mailconv.IMAPSort,
		mailconv.IMAPThread, mailconv.IMAPFetch, mailconv.IMAPStore, mailconv.IMAPCopy,
		mailconv.IMAPMove, mailconv.IMAPUnauthenticate:
		return true
	}
	return false
}
