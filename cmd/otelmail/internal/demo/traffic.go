package demo

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rusmes/otelmail"
)

// traffic is the built-in clients. They speak SMTP over the wire, as any client
// does, and know nothing of the server but its addresses.
type traffic struct {
	log            *slog.Logger
	user, password string

	mx          string // host:port of the server
	submissions string // the same with implicit TLS
	narrow      string // the same for one connection at a time
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
	unknownUser = client{"mail for nobody", (*traffic).sendToNobody}
	oversized   = client{"a message too large", (*traffic).sendOversized}
	outbound    = client{"mail to another domain", (*traffic).sendOutbound}
	overTLS     = client{"mail over implicit TLS", (*traffic).sendOverTLS}
	mailing     = client{"mail to several domains", (*traffic).sendMailing}
	rejected    = client{"mail that another server rejects", (*traffic).sendRejected}
	deferred    = client{"mail that another server defers", (*traffic).sendDeferred}
	neverTaken  = client{"mail that another server always defers", (*traffic).sendNeverTaken}
	guesser     = client{"a guessed password", (*traffic).guessPassword}
	fromBlocked = client{"a blocked address", (*traffic).connectBlocked}
	tooMany     = client{"one connection too many", (*traffic).connectTooMany}
)

// schedule is repeated for ever. At 5 messages a second it takes 6 s, so that
// within 20 s everything happens and what is deferred comes to its end.
var schedule = []client{
	inbound, deferred, inbound, neverTaken, spam,
	outbound, unknownUser, inbound, guesser, overTLS,
	inbound, mailing, fromBlocked, inbound, rejected,
	oversized, inbound, outbound, tooMany, inbound,
	spam, inbound, outbound, unknownUser, inbound,
	mailing, inbound, overTLS, inbound, outbound,
}

const (
	callTimeout  = 10 * time.Second
	maxInFlight  = 32
	trafficGrace = 2 * time.Second
)

// run calls rate times a second until ctx ends; those under way then get a
// moment to finish.
func (t *traffic) run(ctx context.Context, rate float64) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	inFlight := make(chan struct{}, maxInFlight)
	var calls sync.WaitGroup
	finishing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for n := 0; ctx.Err() == nil; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			continue
		}
		inFlight <- struct{}{} // a slow server slows the traffic down
		calls.Go(func() {
			defer func() { <-inFlight }()
			t.call(finishing, schedule[n%len(schedule)], n)
		})
	}
	defer time.AfterFunc(trafficGrace, cancel).Stop()
	calls.Wait()
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
