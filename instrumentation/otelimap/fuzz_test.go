package otelimap_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
)

// waiting is a session whose IDLE touches nothing. go-imap does not wait for an
// IDLE that ends the wrong way, and imapmemserver's would race with the next
// command.
type waiting struct{ *mailSession }

func (waiting) Idle(_ *imapserver.UpdateWriter, stop <-chan struct{}) error {
	<-stop
	return nil
}

// Whatever a stranger sends, the session ends, its spans with it, and no number
// is larger than the number of lines allows.
func FuzzServer(f *testing.F) {
	f.Add([]byte("a LOGIN bob@example.org secret\r\nb SELECT INBOX\r\nc IDLE\r\nDONE\r\nd LOGOUT\r\n"))
	f.Add([]byte("a LOGIN {3+}\r\nbob secret\r\nb AUTHENTICATE PLAIN\r\n*\r\n\r\n"))
	f.Add([]byte("+ LOGIN bob@example.org secret\r\n+ APPEND INBOX {4+}\r\nabcd x\r\n+ NOOP\r\n"))
	f.Add([]byte("a LOGIN {15+}\r\nbob@example.org secret\r\nb APPEND INBOX {9999+}\r\nx y\r\nc CREATE {70000}\r\nd LOGIN\r\n"))
	f.Add([]byte("a LOGIN bob@example.org secret\r\nb APPEND INBOX {6+}\r\nx: y\r\n\r\nc SELECT INBOX\r\nd FETCH 1 (BODY[] ENVELOPE)\r\n"))
	f.Add([]byte("a STARTTLS\r\n\x16\x03\x01 GET / HTTP/1.1\r\n"))
	f.Add([]byte("a LOGIN bob@example.org secret\r\nb IDLE\r\nnot done\r\nc CLOSE\r\nd SELECT INBOX\r\ne SELECT x\r\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		store := newStore(t)
		spans := tracetest.NewSpanRecorder()
		tel, err := otelmail.New( // far faster than otelmailtest's
			otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))),
			otelmail.WithPrivacy(otelmail.PrivacyFull))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
		value := func(name string, labels ...string) int64 {
			v, err := tel.Value(name, labels...)
			if err != nil {
				t.Error(err)
			}
			return v
		}
		w := &world{t: t}
		w.start(tel, setup{caps: allCaps,
			session: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return waiting{newMailSession(store, new(atomic.Int64))}, nil, nil
			}})
		nc, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(patience))
		// The server may hang up at any point: only what it has counted matters.
		_, _ = nc.Write(lines)
		_ = nc.(*net.TCPConn).CloseWrite()
		said, _ := io.ReadAll(nc)
		_ = nc.Close()
		if !within(func() bool { return value("active_connections", "imap") == 0 }) {
			t.Fatal("the session has not ended")
		}
		commands, errs := value("imap_commands_total"), value("imap_errors_total")
		if most := int64(len(lines)/4 + 1); commands > most {
			t.Errorf("%d commands in %d bytes", commands, len(lines))
		}
		if errs > commands+1 {
			t.Errorf("%d errors in %d commands", errs, commands)
		}
		begun, ended, unanswered, broken := len(spans.Started()), len(spans.Ended()), 0, 0
		for _, span := range spans.Ended() { // what came behind a line for which go-imap hangs up
			attributes := attribute.NewSet(span.Attributes()...)
			switch status, _ := attributes.Value("imap.response.status"); status.AsString() {
			case "":
				unanswered++
			case "broken":
				broken++
			}
		}
		if begun != ended || int64(ended-unanswered) != commands {
			t.Errorf("%d spans have begun and %d ended, %d without an answer, of %d commands", begun, ended, unanswered, commands)
		}
		if tagged := taggedReplies(said); int(commands)-broken != tagged {
			t.Errorf("%d commands, %d of them broken, but the server has given %d tagged replies:\n%q", commands, broken, tagged, said)
		}
	})
}

// literal is how a line ends behind which a literal comes.
var literal = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// taggedReplies is how many tagged replies a server has given in plaintext: a second
// opinion, on all that it has said.
func taggedReplies(said []byte) (n int) {
	for len(said) > 0 {
		end := bytes.IndexByte(said, '\n') + 1
		if end == 0 {
			return n
		}
		line := said[:end]
		said = said[end:]
		words := strings.SplitN(strings.TrimRight(string(line), "\r\n"), " ", 3)
		status := len(words) > 1 && (words[1] == "OK" || words[1] == "NO" || words[1] == "BAD" || words[1] == "BYE")
		switch {
		case status && words[0] != "*":
			n++
		case !status && words[0] == "*":
			for m := literal.FindSubmatch(line); m != nil; m = literal.FindSubmatch(line) {
				size, err := strconv.Atoi(string(m[1]))
				if err != nil || size > len(said) {
					return n
				}
				said = said[size:]
				end = bytes.IndexByte(said, '\n') + 1
				line, said = said[:end], said[end:]
			}
		}
	}
	return n
}
