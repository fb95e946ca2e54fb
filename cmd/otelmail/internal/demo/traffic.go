package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/rusmes/otelmail"
)

// traffic is the built-in clients. They speak their protocols over the wire, as
// any client does, and know nothing of the server but its addresses.
type traffic struct {
	log            *slog.Logger
	user, password string

	mx          string // host:port of the server
	submissions string // the same with implicit TLS
	narrow      string // the same for one connection at a time

	imap, jmap, pop3 string // host:port of the other servers
	push             string // host:port of the push service
	subscribe        func(endpoint *url.URL)
	signer           *signer     // of a stranger's domain; nil signs nothing
	behind           func() bool // whether mail comes faster than the server can deliver it
}

// client is one kind of client. n is different for each call and keeps
// addresses and messages apart. The error is nil when the server has answered
// as it should, which for some kinds is a refusal.
type client struct {
	name string
	call func(t *traffic, ctx context.Context, n int) error
}

var (
	inbound     = client{"mail for the local user", (*traffic).sendInbound}
	spam        = client{"spam", (*traffic).sendSpam}
	odd         = client{"spam that the filter panics over", (*traffic).sendOdd}
	unknownUser = client{"mail for nobody", (*traffic).sendToNobody}
	oversized   = client{"a message too large", (*traffic).sendOversized}
	outbound    = client{"mail to another domain", (*traffic).sendOutbound}
	overTLS     = client{"mail over implicit TLS", (*traffic).sendOverTLS}
	stolen      = client{"a stolen account", (*traffic).sendStolen}
	mailing     = client{"mail to several domains", (*traffic).sendMailing}
	rejected    = client{"mail that another server rejects", (*traffic).sendRejected}
	deferred    = client{"mail that another server defers", (*traffic).sendDeferred}
	neverTaken  = client{"mail that another server always defers", (*traffic).sendNeverTaken}
	held        = client{"mail that somebody is to look at", (*traffic).sendHeld}
	legacy      = client{"mail to a server whose TLS is broken", (*traffic).sendLegacy}
	limited     = client{"mail to a domain with a limit", (*traffic).sendLimited}
	guesser     = client{"a guessed password", (*traffic).guessPassword}
	fromBlocked = client{"a blocked address", (*traffic).connectBlocked}
	scanner     = client{"a scanner that speaks no TLS", (*traffic).scan}
	tooMany     = client{"one connection too many", (*traffic).connectTooMany}

	reader      = client{"an IMAP client that reads", (*traffic).imapRead}
	waiter      = client{"an IMAP client that waits for mail", (*traffic).imapWait}
	filer       = client{"an IMAP client that files mail", (*traffic).imapFile}
	stranded    = client{"an IMAP client whose mailbox is gone", (*traffic).imapMissing}
	imapGuesser = client{"a password guessed over IMAP", (*traffic).imapGuess}
	jmapHello   = client{"a JMAP client that says hello", (*traffic).jmapEcho}
	jmapReader  = client{"a JMAP client that reads", (*traffic).jmapRead}
	jmapUnknown = client{"a JMAP client that asks for too much", (*traffic).jmapUnknownMethod}
	jmapBroken  = client{"a JMAP client that sends no JSON", (*traffic).jmapMalformed}
	popReader   = client{"a POP3 client that reads", (*traffic).popRead}
	popTaker    = client{"a POP3 client that takes its mail away", (*traffic).popTake}
	popGuesser  = client{"a password guessed over POP3", (*traffic).popGuess}
	phone       = client{"a phone that wants to be woken", (*traffic).pushSubscribe}
)

// schedule is repeated for ever. At 5 messages a second it takes 6 s, so that
// within 20 s everything happens and what is deferred comes to its end.
var schedule = []client{
	inbound, deferred, inbound, neverTaken, spam,
	stolen, unknownUser, inbound, guesser, overTLS,
	inbound, mailing, fromBlocked, inbound, rejected,
	oversized, inbound, held, tooMany, inbound,
	odd, inbound, limited, legacy, inbound,
	mailing, scanner, overTLS, inbound, outbound,
}

// visits is repeated for ever beside it: users who look at their mail, one for
// two messages.
var visits = []client{
	phone, reader, jmapReader, popReader, waiter,
	stranded, jmapUnknown, phone, imapGuesser, popGuesser,
	filer, jmapBroken, popTaker, jmapHello,
}

const visitsPerMessage = 0.5

const (
	callTimeout  = 10 * time.Second
	maxInFlight  = 32
	trafficGrace = 2 * time.Second
)

// run makes the calls of a schedule, rate of them a second or as many as the server can
// do, until ctx ends; those under way then get a moment to finish.
func (t *traffic) run(ctx context.Context, schedule []client, rate float64) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	inFlight := make(chan struct{}, maxInFlight)
	var calls sync.WaitGroup
	finishing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for n := 0; t.mayBegin(ctx, tick.C); n++ {
		inFlight <- struct{}{} // a slow server slows the traffic down
		calls.Go(func() {
			defer func() { <-inFlight }()
			t.call(finishing, schedule[n%len(schedule)], n)
		})
	}
	defer time.AfterFunc(trafficGrace, cancel).Stop()
	calls.Wait()
}

// mayBegin waits for the time of the next call: while the server is behind there is none, as
// with Postfix's in_flow_delay. It is false when ctx has ended.
func (t *traffic) mayBegin(ctx context.Context, tick <-chan time.Time) bool {
	for ctx.Err() == nil {
		select {
		case <-tick:
			if !t.behind() {
				return true
			}
		case <-ctx.Done():
		}
	}
	return false
}

func (t *traffic) call(ctx context.Context, c client, n int) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := c.call(t, ctx, n); err != nil {
		// Replies hold addresses: the log gets the kind of failure only.
		t.log.Debug("traffic", "client", c.name, "cause", otelmail.CauseOf(err).String())
	}
}

// own is the address of the local user.
func (t *traffic) own() string { return t.user + "@" + localDomain }

// letter composes a message. extra are header lines.
func letter(n int, from, to, body string, extra ...string) []byte {
	text := fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: Demo message %d\r\nDate: %s\r\nMessage-ID: <%d.%d@%s>\r\n",
		from, to, n, time.Now().Format(time.RFC1123Z), time.Now().UnixNano(), n, domainOf(from))
	for _, line := range extra {
		text = append(text, line+"\r\n"...)
	}
	return append(text, "\r\n"+body+"\r\n"...)
}

// refusedWith turns an error into nil when it is the reply that was to come.
func refusedWith(code int, err error, codeOf func(error) int) error {
	switch got := codeOf(err); {
	case err == nil:
		return fmt.Errorf("not refused: want %d", code)
	case got != code:
		return fmt.Errorf("refused with %d, want %d: %w", got, code, err)
	}
	return nil
}
