package observe_test

import (
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// BenchmarkSMTPMessage is what a message of 1 KiB costs a dialogue.
func BenchmarkSMTPMessage(b *testing.B) {
	d := observe.NewSMTPDialogue(otelmail.Noop(), otelmail.Conn{})
	tell := func(client, server []byte) { d.FromClient(client); d.FromServer(server) }
	tell(nil, []byte("220 mx\r\n"))
	tell([]byte("EHLO a\r\n"), []byte("250 CHUNKING\r\n"))
	mail, rcpt, data := []byte("MAIL FROM:<alice@sender.example>\r\n"), []byte("RCPT TO:<bob@example.org>\r\n"), []byte("DATA\r\n")
	body := make([]byte, 0, 1100)
	for range 14 {
		body = append(body, "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod te.\r\n"...)
	}
	body = append(body, ".\r\n"...)
	ok, start := []byte("250 2.0.0 OK\r\n"), []byte("354 Go ahead\r\n")
	b.ReportAllocs()
	for b.Loop() {
		tell(mail, ok)
		tell(rcpt, ok)
		tell(data, start)
		tell(body, ok)
	}
}
