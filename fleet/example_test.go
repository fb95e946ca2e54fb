package fleet_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/fleet"
)

// A relay sends the trace along to its own mail store. The store links its session to it,
// begins a trace for the message that is sampled alike, and stores the message without the fields.
func Example() {
	servers, err := fleet.New([]string{".internal.example.org"}, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
	if err != nil {
		fmt.Println(err)
		return
	}
	tel, ctx := otelmail.Noop(), context.Background()

	attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{Server: "store.internal.example.org"})
	message := strings.NewReader("Subject: hi\r\n\r\nhi\r\n")
	sent := servers.Outbound(attempt.Context(), "store.internal.example.org", message)
	attempt.End(otelmail.Reply{Code: 250})

	session := tel.SMTP.Session(ctx, otelmail.RoleLMTP, otelmail.Conn{})
	received := servers.Inbound(&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}, sent)
	text, err := io.ReadAll(received)
	fmt.Printf("%q %v\n", text, err)
	ctx = fleet.Link(session.Context(), received.TraceContext())
	_, queueing := tel.Queue.Enqueue(ctx, otelmail.MessageFacts{QueueID: "q1"})
	queueing.End(otelmail.CauseNone)
	session.End(otelmail.CauseNone)
	// Output: "Subject: hi\r\n\r\nhi\r\n" <nil>
}
