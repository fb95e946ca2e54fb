package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	netsmtp "net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/integration/internal/servers"
)

// TestIncreaseOfNativeHistograms: a server in this process that is wrapped by our adapter, and
// whose histograms Prometheus keeps as native ones, gets a known number of messages.
func TestIncreaseOfNativeHistograms(t *testing.T) {
	t.Parallel()
	for _, sessions := range []int{1, 50} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			t.Parallel()
			s := startNativeServer(t)
			server := peer.StartPrometheusWith(t, peer.WithTargets(s.web),
				peer.WithScrapeSettings("scrape_native_histograms: true"))
			server.WaitUp(patience)
			scraped := time.Now()
			waitForScrapes(t, server, 3)

			before := s.page(t)
			moves := page{}
			for range 2 {
				maps.Copy(moves, s.send(t, sessions))
				waitForScrapes(t, server, 2)
			}
			want := maps.Clone(before)
			want.add(moves)
			want.add(moves)
			peer.Eventually(t, patience, func() error { // the server notices the end of a session after the client
				now := s.page(t)
				for series := range moves {
					if now[series] != want[series] {
						return fmt.Errorf("%s is %v, want %v", series, now[series], want[series])
					}
				}
				return nil
			})
			after, end := whenStored(t, server, func() page { return s.page(t) })
			for name, start := range map[string]time.Time{"since before the first scrape": scraped.Add(-time.Hour), "while it was scraped": scraped} {
				w := window{server, time.UnixMilli(start.UnixMilli()), end}
				if seen := w.check(t, name, before, after); seen.series < 120 || seen.moved < 20 || seen.appeared < 10 || seen.native < 5 {
					t.Errorf("%s: there are %+v", name, seen)
				}
			}
		})
	}
}

// nativeServer is a mail server, and where its /metrics is.
type nativeServer struct{ smtp, web string }

func startNativeServer(t *testing.T) nativeServer {
	t.Helper()
	web := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithShutdownTimeout(patience), otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
		otelmail.WithExponentialHistograms(), otelmail.WithExporter(web))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mail := servers.Recorded(tel, nil)
	go func() { _ = mail.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(mail.Close(), tel.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return nativeServer{listener.Addr().String(), web.Addr().String()}
}

// page is what does not depend on the buckets.
func (s nativeServer) page(t *testing.T) page {
	t.Helper()
	return withoutBuckets(readFormat(t, "http://"+s.web+"/metrics", pageFormats[0].accept))
}

// send brings messages, so many clients at a time, and returns what these move.
func (s nativeServer) send(t *testing.T, sessions int) page {
	t.Helper()
	const clients, each = 60, 3
	text := "Subject: hello\r\n\r\n" + strings.Repeat("Good morning.\r\n", 100)
	atOnce(t, sessions, make([]struct{}, clients), func(struct{}) (string, error) { return "messages", s.bring(text, each) })
	moves := page{}
	for series, n := range map[string]int{
		"smtp_connections_total": 1, "smtp_messages_received_total": each, "smtp_errors_total": 1, "smtp_session_duration_seconds_count": 1,
		"replies_total{smtp,MAIL,2xx}": each + 1, "replies_total{smtp,RCPT,2xx}": each, "replies_total{smtp,RCPT,5xx}": 1,
		"replies_total{smtp,DATA,2xx}": each, "rejections_total{mx,rcpt,5xx,unknown_user,theirs}": 1,
		"messages_per_domain_total{one.example}": each, "command_duration_seconds_count{smtp,DATA}": each,
		"message_size_bytes_count{in}": each, "message_size_bytes_sum{in}": each * len(text),
		"message_recipients_count{in}": each, "message_recipients_sum{in}": each,
	} {
		moves[pageName(series)] = float64(clients * n)
	}
	return moves
}

// bring has one client bring so many messages, and one more for somebody who is not there.
func (s nativeServer) bring(text string, messages int) error {
	client, err := netsmtp.Dial(s.smtp)
	if err != nil {
		return err
	}
	defer client.Close()
	for range messages {
		if err := errors.Join(client.Mail("a@sender.example"), client.Rcpt("b@one.example")); err != nil {
			return err
		}
		data, err := client.Data()
		if err != nil {
			return err
		}
		_, err = io.WriteString(data, text)
		if err := errors.Join(err, data.Close()); err != nil {
			return err
		}
	}
	return errors.Join(client.Mail("a@sender.example"), refused(550, client.Rcpt("b@"+servers.Refused)), client.Quit())
}
