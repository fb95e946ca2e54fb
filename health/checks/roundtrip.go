package checks

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// RoundTripHeader is the header field by which a server knows the mail of a [RoundTrip], and
// leaves it out of what it counts and shows. A stranger can write it too: believe it only
// of the sender that you have given to RoundTrip.
const RoundTripHeader = "Otelmail-Round-Trip"

// RoundTrip sends a mail through a server's own listener of SMTP, waits until it is in a
// mailbox, and has it removed there: so it asks the listener, the queue, the pipeline and the
// store at once. Use an address and a mailbox that nobody else uses.
type RoundTrip struct {
	Address string           // of the listener, see [TCP]
	Options []ListenerOption // what TLS has to be like; none for plaintext

	// User and Password log in by AUTH PLAIN; empty for no login. They are sent within TLS, and
	// in plaintext only to this machine.
	User, Password string

	From, To string // addresses; From may be empty, as of a bounce

	// Take looks for the message whose header field [RoundTripHeader] is id, removes it, and
	// reports whether it was there. It is called again and again, with pauses of up to 2 s,
	// and must heed its context. [Mailbox].Take does it over IMAP.
	Take func(ctx context.Context, id string) (found bool, err error)

	// Took is called with how long the mail took, from the first byte until it was
	// found, for example otelmail.Mail.RoundTrip. nil calls nothing.
	Took func(ctx context.Context, d time.Duration)
}

// Check returns a check that the mail arrives within nine tenths of what health.Timeout
// allows for a run; the rest is for saying that it did not, so that the state is
// unhealthy with a reason and not timeout. Give it a minute, and an interval of one or
// more: each run is a mail. One that comes too late is removed by a later run.
func (r RoundTrip) Check() func(context.Context) error {
	var s security
	for _, o := range r.Options {
		if o != nil {
			o(&s)
		}
	}
	t := &roundTrip{RoundTrip: r, security: s}
	return func(ctx context.Context) error {
		if err := t.run(ctx); err != nil {
			return fmt.Errorf("health: round trip: %w", err)
		}
		return nil
	}
}

// mostLate is how many messages that were not found in time are looked for later.
const mostLate = 20

type roundTrip struct {
	RoundTrip
	security

	mu   sync.Mutex
	late []string // ids of messages that were sent, and not found in time
}

func (t *roundTrip) valid() error {
	switch {
	case t.To == "":
		return errors.New("no To: must be the address of the mailbox")
	case t.Take == nil:
		return errors.New("no Take: must be a function that looks into the mailbox")
	case strings.ContainsFunc(t.From+t.To, notInPath):
		return errors.New("a From or To with a blank, a bracket or a control character: must be addresses like check@example.org")
	case t.User == "" && t.Password != "":
		return errors.New("a Password without User: must have both")
	}
	return t.security.valid(smtp)
}

func notInPath(r rune) bool { return r <= ' ' || r == '<' || r == '>' || r == 0x7f }

func (t *roundTrip) run(ctx context.Context) error {
	if err := t.valid(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := rand.Text()
	began := time.Now()
	if err := t.sendMail(ctx, id); err != nil {
		return fmt.Errorf("send by %s: %w", t.Address, err)
	}
	sent := time.Now()
	end, _ := ctx.Deadline()
	if err := t.await(ctx, id, end.Add(-time.Until(end)/10)); err != nil {
		t.remember(id)
		return fmt.Errorf("the message was accepted %v ago and %w", time.Since(sent).Round(time.Millisecond), err)
	}
	if t.Took != nil {
		t.Took(ctx, time.Since(began))
	}
	t.tidy(ctx)
	return nil
}

var errNotThere = errors.New("is not in the mailbox")

// await looks for the message until it is there or time is up. Pauses grow with what has
// passed, so that the time which is measured is right to a quarter.
func (t *roundTrip) await(ctx context.Context, id string, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	began := time.Now()
	last := errNotThere
	for {
		found, err := t.Take(ctx, id)
		if found {
			return nil // what Take says besides is for the next run to tell
		}
		if err != nil && ctx.Err() == nil {
			last = fmt.Errorf("was not found: %w", err)
		}
		pause := time.NewTimer(min(max(time.Since(began)/4, 50*time.Millisecond), 2*time.Second))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return last
		}
	}
}

// remember keeps what is to be removed when it comes.
func (t *roundTrip) remember(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = append(t.late, id)
	if len(t.late) > mostLate {
		t.late = t.late[1:]
	}
}

// tidy removes what came too late, one message a run: it is no hurry.
func (t *roundTrip) tidy(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.late) == 0 {
		return
	}
	id := t.late[0]
	t.late = t.late[1:]
	if found, err := t.Take(ctx, id); !found || err != nil {
		t.late = append(t.late, id) // to be asked for again
	}
}

// sendMail hands the message to the server.
func (t *roundTrip) sendMail(ctx context.Context, id string) error {
	d, finish, err := dial(ctx, t.Address)
	if err != nil {
		return err
	}
	defer finish()
	if err := t.open(ctx, d, smtp, t.User != ""); err != nil {
		return err
	}
	hello := literal(d.conn.LocalAddr())
	steps := []smtpStep{{"EHLO " + hello, 250}}
	if t.User != "" {
		secret := base64.StdEncoding.EncodeToString([]byte("\x00" + t.User + "\x00" + t.Password))
		steps = append(steps, smtpStep{"AUTH PLAIN " + secret, 235})
	}
	steps = append(steps, smtpStep{"MAIL FROM:<" + t.From + ">", 250}, smtpStep{"RCPT TO:<" + t.To + ">", 250}, smtpStep{"DATA", 354})
	for _, step := range steps {
		if err := smtpCommand(d, step.line, step.want); err != nil {
			return t.refused(d, smtp, err)
		}
	}
	if err := d.send(t.message(id, hello) + "\r\n."); err != nil {
		return fmt.Errorf("the message: %w", err)
	}
	if err := smtpReply(d, 250); err != nil {
		return t.refused(d, smtp, fmt.Errorf("the message: %w", err))
	}
	_ = smtp.leave(d) // the message is accepted
	return nil
}

type smtpStep struct {
	line string
	want int
}

// message is what is sent: no line of it begins with a dot.
func (t *roundTrip) message(id, hello string) string {
	return strings.Join([]string{
		"From: <" + t.From + ">",
		"To: <" + t.To + ">",
		"Date: " + time.Now().Format("Mon, 02 Jan 2006 15:04:05 -0700"),
		"Message-ID: <" + id + "@" + hello + ">",
		"Subject: Health check",
		"Auto-Submitted: auto-generated", // RFC 3834: nobody is to answer
		RoundTripHeader + ": " + id,
		"",
		"This message shows that mail arrives. It is removed again.",
	}, "\r\n")
}

// Mailbox is a mailbox that is looked into over IMAP.
type Mailbox struct {
	Address        string           // of the listener, see [TCP]
	Options        []ListenerOption // what TLS has to be like; none for plaintext
	User, Password string           // for LOGIN; in plaintext only to this machine
	Name           string           // default: INBOX
}

// Take is for [RoundTrip]. It removes the message by UID EXPUNGE, which a server has with
// UIDPLUS or IMAP4rev2: nothing else that is marked as deleted goes with it.
func (m Mailbox) Take(ctx context.Context, id string) (found bool, err error) {
	var s security
	for _, o := range m.Options {
		if o != nil {
			o(&s)
		}
	}
	if err = s.valid(imap); err == nil {
		found, err = m.take(ctx, &s, id)
	}
	if err != nil {
		return found, fmt.Errorf("imap %s: %w", m.Address, err)
	}
	return found, nil
}

func (m Mailbox) take(ctx context.Context, s *security, id string) (found bool, err error) {
	login, err := imapStrings(m.User, m.Password)
	if err != nil {
		return false, fmt.Errorf("user or password: %w", err)
	}
	name := m.Name
	if name == "" {
		name = "INBOX"
	}
	box, err := imapStrings(name)
	if err != nil {
		return false, fmt.Errorf("mailbox: %w", err)
	}
	which, err := imapStrings(RoundTripHeader, id)
	if err != nil {
		return false, fmt.Errorf("id: %w", err)
	}
	d, finish, err := dial(ctx, m.Address)
	if err != nil {
		return false, err
	}
	defer finish()
	if err := s.open(ctx, d, imap, true); err != nil {
		return false, err
	}
	defer func() {
		if err == nil || errors.As(err, new(refusedError)) {
			_ = d.conn.SetDeadline(time.Now().Add(farewell))
			_ = imap.leave(d)
		}
	}()
	if _, err := imapAsk(d, "LOGIN", login, ""); err != nil {
		return false, err
	}
	if _, err := imapAsk(d, "SELECT", box, ""); err != nil {
		return false, err
	}
	uids, err := imapAsk(d, "UID SEARCH HEADER", which, "SEARCH")
	if err != nil || uids == "" {
		return false, err
	}
	set := strings.Join(strings.Fields(uids), ",")
	if _, err := imapAsk(d, "UID STORE", set+` +FLAGS.SILENT (\Deleted)`, ""); err != nil {
		return true, err
	}
	_, err = imapAsk(d, "UID EXPUNGE", set, "")
	return true, err
}

// imapStrings are quoted strings (RFC 9051 section 4.3).
func imapStrings(texts ...string) (string, error) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var all []string
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			return "", errors.New("a character that is not printable ASCII: must be without")
		}
		all = append(all, `"`+quote.Replace(text)+`"`)
	}
	return strings.Join(all, " "), nil
}

// imapAsk sends a command with its arguments, which errors do not show, and returns what
// follows the given word in untagged answers: numbers alone, of SEARCH.
func imapAsk(d *dialogue, command, arguments, word string) (answer string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", command, err)
		}
	}()
	d.left = maxLines
	tag := d.tag()
	if err := d.send(tag + command + " " + arguments); err != nil {
		return "", err
	}
	for {
		line, err := d.read()
		if err != nil {
			return "", err
		}
		if status, ok := cutFold(line, tag); ok {
			if !hasWord(status, "OK") {
				return "", refusedError{quoted(line)}
			}
			return answer, nil
		}
		if rest, ok := cutFold(line, "* "+word); ok && word != "" {
			answer += rest
			if strings.Trim(answer, " 0123456789") != "" {
				return "", fmt.Errorf("%s has more than numbers", quoted(line))
			}
		}
		if size, ok := literalSize(line); ok { // of a flag or a name that the server tells unasked
			if _, err := io.CopyN(io.Discard, d.lines, size); err != nil {
				return "", err
			}
		}
	}
}

// maxLiteral bounds what a server may send that is not asked for.
const maxLiteral = 1 << 16

// literalSize is that of a literal which a line ends with (RFC 9051 section 4.3).
func literalSize(line string) (size int64, ok bool) {
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return 0, false
	}
	for _, digit := range line[open+1 : len(line)-1] {
		if digit < '0' || digit > '9' || size > maxLiteral {
			return 0, false
		}
		size = 10*size + int64(digit-'0')
	}
	return size, size <= maxLiteral
}
