package otelsmtp_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// BenchmarkMessage sends messages over one connection. Its allocations are those
// of the server: the client makes none.
func BenchmarkMessage(b *testing.B) {
	ways := []struct {
		name    string
		wrapped bool
		sampler sdktrace.Sampler
	}{
		{"unwrapped", false, nil},
		{"metrics", true, nil},
		{"unsampled", true, sdktrace.NeverSample()},
		{"sampled", true, sdktrace.AlwaysSample()},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			addr := l.Addr().String()
			server := gosmtp.NewServer(inbox{})
			server.ErrorLog = log.New(io.Discard, "", 0)
			if way.wrapped {
				opts := []otelmail.NewOption{otelmail.WithMeterProvider(sdkmetric.NewMeterProvider())}
				if way.sampler != nil {
					opts = append(opts, otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(way.sampler))))
				}
				tel, err := otelmail.New(opts...)
				if err != nil {
					b.Fatal(err)
				}
				defer tel.Shutdown(context.Background())
				observed := otelsmtp.NewServer(tel, server)
				go observed.Serve(l)
				defer observed.Close()
			} else {
				go server.Serve(l)
				defer server.Close()
			}
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			say := func(line []byte) {
				if _, err := c.Write(line); err != nil {
					b.Fatal(err)
				}
				for {
					reply, err := r.ReadSlice('\n')
					if err != nil {
						b.Fatal(err)
					}
					if reply[3] == ' ' {
						return
					}
				}
			}
			say(nil)
			say([]byte("EHLO client.example.net\r\n"))
			mail, rcpt := []byte("MAIL FROM:<alice@sender.example>\r\n"), []byte("RCPT TO:<bob@example.org>\r\n")
			data, body := []byte("DATA\r\n"), []byte("Subject: hello\r\n\r\nHello, Bob.\r\n.\r\n")
			b.ReportAllocs()
			for b.Loop() {
				say(mail)
				say(rcpt)
				say(data)
				say(body)
			}
		})
	}
}
