package observe_test

import (
	"bytes"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// FuzzSMTPDialogue tells what a stranger and a broken server might say. Input is cut
// into pieces at NUL bytes, which go to the one and the other side in turn.
func FuzzSMTPDialogue(f *testing.F) {
	for _, tt := range smtpDialogues {
		var seed []byte
		last := "S" // the first piece is the client's
		for _, s := range script(tt.said) {
			if s.text != "" {
				if s.who == last {
					seed = append(seed, 0)
				}
				seed, last = append(append(seed, s.text...), 0), s.who
			}
		}
		f.Add(seed)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		w.spans.Reset()
		before := w.counts()
		d := observe.NewSMTPDialogue(w.tel, otelmail.Conn{})
		for i, piece := range bytes.Split(input, []byte{0}) {
			if i%2 == 0 {
				d.FromClient(piece)
			} else {
				d.FromServer(piece)
			}
			_ = d.Context()
		}
		d.End(otelmail.CauseNone)
		if begun, ended := len(w.spans.Started()), len(w.spans.Ended()); begun != ended {
			t.Errorf("%d spans began, %d ended", begun, ended)
		}
		after := w.counts()
		if after["active_connections/smtp"] != 0 || after["telemetry_unfollowed_sessions_total/smtp"]-before["telemetry_unfollowed_sessions_total/smtp"] > 1 {
			t.Errorf("counted %v", after)
		}
	})
}

// FuzzSMTPPieces: it makes no difference in what pieces a side speaks.
func FuzzSMTPPieces(f *testing.F) {
	f.Add([]byte("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<b@one.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"), []byte("220 a\r\n250 CHUNKING\r\n250 a\r\n250 a\r\n354 a\r\n250 a\r\n221 a\r\n"), 7)
	f.Add([]byte("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<b@one.example>\r\nBDAT 3\r\nx\r\nBDAT 1 LAST\r\n.AUTH X\r\n*\r\n"), []byte("220 a\r\n250 CHUNKING\r\n250 a\r\n250 a\r\n250 a\r\n250 a\r\n334 \r\n500 x\r\n"), 3)
	f.Fuzz(func(t *testing.T, client, server []byte, at int) {
		if len(client)+len(server) > 10_000 {
			return
		}
		tell := func(cut int) counts {
			w := newWorld(t)
			d := observe.NewSMTPDialogue(w.tel, otelmail.Conn{})
			for p := client; len(p) > 0; {
				n := min(cut, len(p))
				d.FromClient(p[:n])
				p = p[n:]
			}
			for p := server; len(p) > 0; {
				n := min(cut, len(p))
				d.FromServer(p[:n])
				p = p[n:]
			}
			d.End(otelmail.CauseNone)
			return w.counts()
		}
		whole, pieces := tell(len(client)+len(server)+1), tell(1+int(uint(at)%20))
		for _, name := range smtpSeries {
			if whole[name] != pieces[name] {
				t.Fatalf("in one piece %v\nin pieces   %v", whole, pieces)
			}
		}
	})
}
