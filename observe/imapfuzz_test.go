package observe_test

import (
	"context"
	"crypto/tls"
	"runtime"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
	"github.com/rusmes/otelmail/observe"
)

var handshake = tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13}

// Whatever two strangers say in whatever pieces: no panic, every span that begins
// ends, and no more is counted than was said.
func FuzzIMAPDialogue(f *testing.F) {
	f.Add([]byte("a LOGIN {3}\r\nbob {1}\r\nx\r\n"), []byte("* OK x\r\n+ \r\n+ \r\na OK\r\n"), uint8(3))
	f.Add([]byte("a IDLE\r\nDONE\r\n\r\nb STARTTLS\r\n"), []byte("* OK x\r\n+ \r\na OK\r\n* BAD\r\nb OK\r\nx"), uint8(1))
	f.Add([]byte("+ NOOP\r\n* NOOP\r\na COMPRESS DEFLATE\r\n"), []byte("* BYE\r\n+ OK\r\n* 1 FETCH ({3}\r\nabc)\r\n"), uint8(9))
	f.Fuzz(func(t *testing.T, client, server []byte, size uint8) {
		w := newIMAPWorld(t)
		d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
		n := int(size) + 1
		for c, s := client, server; len(c)+len(s) > 0; {
			k, l := min(n, len(c)), min(n, len(s))
			d.FromClient(c[:k])
			d.FromServer(s[:l])
			c, s = c[k:], s[l:]
			if d.Sealed() {
				d.Upgrade(handshake)
			}
		}
		d.End(otelmail.CauseNone)
		commands, _ := w.tel.Value("imap_commands_total")
		errs, _ := w.tel.Value("imap_errors_total")
		active, _ := w.tel.Value("active_connections", "imap")
		if begun, ended := len(w.spans.Started()), len(w.spans.Ended()); begun != ended || int64(ended) < commands {
			t.Errorf("%d spans have begun and %d ended, of %d commands", begun, ended, commands)
		}
		if most := int64(len(client)+len(server))/3 + 1; commands > most || errs > most {
			t.Errorf("%d commands and %d errors in %d bytes", commands, errs, len(client)+len(server))
		}
		if active != 0 {
			t.Errorf("%d connections active", active)
		}
	})
}

// A message of a gigabyte costs no memory, and bodies pass without being copied.
func TestIMAPLiteralsCostNothing(t *testing.T) {
	w := newIMAPWorld(t)
	d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
	play(d, "S * OK x\nC a APPEND b {1073741824}\nS + go\nC c FETCH 1 X", 0)
	chunk := make([]byte, 64<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 1 << 30 / len(chunk) {
		d.FromClient(chunk)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes allocated", got)
	}
}

// A client that says much in advance, and a line without an end, are bounded.
func TestIMAPMemoryIsBounded(t *testing.T) {
	w := newIMAPWorld(t)
	chunk := make([]byte, 4096)
	for name, script := range map[string]string{
		"a line":     "S * OK x\nC a\\",
		"in advance": "S * OK x\nC a IDLE",
	} {
		d := observe.NewIMAPDialogue(w.tel, otelmail.Conn{})
		play(d, script, 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10000 {
			d.FromClient(chunk)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
	}
}

// What goes by unsampled costs no allocation beside that of a command as such.
func TestIMAPNoAllocationsOfItsOwn(t *testing.T) {
	tel := otelmail.Noop()
	d := observe.NewIMAPDialogue(tel, otelmail.Conn{})
	d.FromServer([]byte("* OK x\r\n"))
	line, reply := []byte("a UID FETCH 1:* (FLAGS)\r\n"), []byte("* 1 FETCH (X {3}\r\nabc)\r\na OK done\r\n")
	session := tel.IMAP.Session(context.Background(), otelmail.Conn{})
	bare := testing.AllocsPerRun(100, func() {
		session.Command(mailconv.IMAPFetch).End(otelmail.IMAPReply{Result: otelmail.IMAPOK})
	})
	observed := testing.AllocsPerRun(100, func() {
		d.FromClient(line)
		d.FromServer(reply)
	})
	if observed > bare {
		t.Errorf("FETCH allocates %v times, a command alone %v", observed, bare)
	}
}

func BenchmarkIMAPCommand(b *testing.B) {
	d := observe.NewIMAPDialogue(otelmail.Noop(), otelmail.Conn{})
	d.FromServer([]byte("* OK x\r\n"))
	line, reply := []byte("a UID FETCH 1:* (FLAGS)\r\n"), []byte("* 1 FETCH (X {3}\r\nabc)\r\na OK done\r\n")
	for b.Loop() {
		d.FromClient(line)
		d.FromServer(reply)
	}
}
