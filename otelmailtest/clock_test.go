package otelmailtest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/observe"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestClockOfABubble: a whole server, its checks, its log and its queue live by the clock of the
// bubble, and nothing is left when the bubble ends.
func TestClockOfABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := otelmailtest.New(t, otelmail.WithCheck("queue", func(context.Context) error { return nil }, health.Interval(time.Minute)))
		client, server := net.Pipe()
		go answer(observe.SMTP(rec.Tel, server))
		begun := time.Now()
		said := bufio.NewReader(client)
		for _, line := range []string{"", "EHLO client", "MAIL FROM:<a@example.org>", "QUIT"} {
			time.Sleep(7 * time.Second)
			if line != "" {
				fmt.Fprintf(client, "%s\r\n", line)
			}
			if _, err := said.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		_ = client.Close()
		rec.Tree(`
			SMTP session
			  SMTP EHLO
			  SMTP MAIL
			  SMTP QUIT`)
		if mail := rec.Span("SMTP MAIL"); mail.StartTime().Sub(begun) != 23*time.Second || mail.EndTime().Sub(mail.StartTime()) != 2*time.Second {
			t.Errorf("MAIL from %v to %v of a session that began at %v", mail.StartTime(), mail.EndTime(), begun)
		}
		rec.Has(otelmailtest.Series{
			"rusmes_smtp_session_duration_seconds_sum":             28 + 3*2, // and 2 s for each answer
			`rusmes_smtp_session_duration_seconds_bucket{le="30"}`: 0,
			`rusmes_smtp_session_duration_seconds_bucket{le="60"}`: 1,
			`rusmes_command_duration_seconds_sum{command="MAIL"}`:  2,
		})

		rec.Mark()
		stored, queueing := rec.Tel.Queue.Enqueue(t.Context(), otelmail.MessageFacts{QueueID: "q1"})
		queueing.End(otelmail.CauseNone)
		time.Sleep(36 * time.Hour)
		rec.Tel.Queue.Dequeue(t.Context(), stored, otelmail.MessageFacts{QueueID: "q1"}).End(otelmail.CauseNone)
		rec.Tel.Logger().Warn("late")
		rec.Span("queue dequeue").Has(otelmailtest.Attributes{"email.queue.wait": (36 * time.Hour).Seconds()})
		if at := rec.Log("WARN late").Timestamp(); !at.Equal(time.Now()) {
			t.Errorf("logged at %v, want %v", at, time.Now())
		}
	})
}

// answer is a server that takes 2 s for each command.
func answer(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 mx\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		time.Sleep(2 * time.Second)
		if strings.HasPrefix(lines.Text(), "QUIT") {
			fmt.Fprint(conn, "221 bye\r\n")
			return
		}
		fmt.Fprint(conn, "250 ok\r\n")
	}
}
