package observe_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rusmes/otelmail/observe"
)

// serveIMAP is a mail server's loop over a connection: its own, of no library.
func serveIMAP(conn *observe.IMAPConn, config *tls.Config) {
	var c net.Conn = conn
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\r\n", args...) }
	say("* OK ready")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			return
		}
		tag := words[0]
		switch words[1] {
		case "CAPABILITY", "LOGIN", "NOOP":
			say("%s OK done", tag)
		case "SELECT":
			if words[2] == "nope" {
				say("%s NO [NONEXISTENT] no", tag)
				continue
			}
			say("* 3 EXISTS\r\n%s OK done", tag)
		case "STARTTLS":
			say("%s OK go", tag)
			c = conn.Upgrade(tls.Server(conn, config))
			r.Reset(c)
		case "LOGOUT":
			say("* BYE bye\r\n%s OK bye", tag)
			return
		default:
			say("%s BAD what", tag)
		}
	}
}

// imapSession says what the client of this file's dialogue says.
func imapSession(t *testing.T, nc net.Conn, greeted bool) {
	t.Helper()
	r := bufio.NewReader(nc)
	if !greeted {
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{"CAPABILITY", "LOGIN bob secret", "SELECT INBOX", "XYZZY", "SELECT nope", "NOOP", "LOGOUT"} {
		if _, err := io.WriteString(nc, "t "+line+"\r\n"); err != nil {
			t.Fatal(err)
		}
		for reply := ""; !strings.HasPrefix(reply, "t "); {
			var err error
			if reply, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// imapDial is a client's connection to a server of serveIMAP, and what ends with the
// session.
func imapDial(t *testing.T, w *imapWorld, implicit bool) (client net.Conn, ended chan bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	config := imapCertificate(t)
	if implicit {
		nc = tls.Server(nc, config)
	}
	ended = make(chan bool)
	go func() {
		defer close(ended)
		serveIMAP(observe.IMAP(w.tel, nc), config)
	}()
	return client, ended
}

const imapSessionSpans = "CAPABILITY ok; LOGIN ok bob; SELECT ok INBOX bob; _OTHER bad bad bob; SELECT no NONEXISTENT nope bob; NOOP ok bob; LOGOUT ok bob"

var insecure = &tls.Config{InsecureSkipVerify: true}

func (w *imapWorld) expect(counts, spans string) {
	w.t.Helper()
	if got := w.counts(); got != counts {
		w.t.Errorf("%q, want %q", got, counts)
	}
	if got := strings.Join(w.ended(), "; "); got != spans {
		w.t.Errorf("spans\n%s\nwant\n%s", got, spans)
	}
}

func TestIMAPConn(t *testing.T) {
	t.Run("plaintext", func(t *testing.T) {
		w := newIMAPWorld(t)
		nc, ended := imapDial(t, w, false)
		imapSession(t, nc, false)
		<-ended
		w.expect("commands 7, errors 2", imapSessionSpans)
	})
	t.Run("implicit TLS", func(t *testing.T) {
		w := newIMAPWorld(t)
		nc, ended := imapDial(t, w, true)
		imapSession(t, tls.Client(nc, insecure), false)
		<-ended
		w.expect("commands 7, errors 2, yes 1", imapSessionSpans)
	})
	t.Run("STARTTLS", func(t *testing.T) {
		w := newIMAPWorld(t)
		nc, ended := imapDial(t, w, false)
		r := bufio.NewReader(io.TeeReader(nc, io.Discard))
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(nc, "s STARTTLS\r\n")
		_, _ = r.ReadString('\n')
		imapSession(t, tls.Client(nc, insecure), true)
		<-ended
		w.expect("commands 8, errors 2, starttls 1", "STARTTLS ok; "+imapSessionSpans)
	})
}

// How a connection ends is told from how a session breaks.
func TestIMAPConnEnds(t *testing.T) {
	for name, test := range map[string]struct {
		tls    bool
		do     func(*testing.T, net.Conn)
		counts string
	}{
		"leaves": {false, func(t *testing.T, nc net.Conn) {
			if _, err := nc.Read(make([]byte, 99)); err != nil { // what is not read would make it a reset
				t.Error(err)
			}
			_ = nc.Close()
		}, ""},
		"leaves after no TLS": {true, func(_ *testing.T, nc net.Conn) { _ = nc.Close() }, "yes 1"},
		"leaves after handshake": {true, func(t *testing.T, nc net.Conn) {
			if err := tls.Client(nc, insecure).Handshake(); err != nil {
				t.Error(err)
			}
			_ = nc.Close()
		}, "yes 1"},
		"no TLS":     {true, func(_ *testing.T, nc net.Conn) { _, _ = io.WriteString(nc, "GET / HTTP/1.1\r\n\r\n") }, "errors 1, yes 1"},
		"no command": {false, func(_ *testing.T, nc net.Conn) { _, _ = io.WriteString(nc, "\r\n") }, "errors 1"},
		"reset": {false, func(t *testing.T, nc net.Conn) {
			if _, err := nc.Read(make([]byte, 99)); err != nil {
				t.Error(err)
			}
			_ = nc.(*net.TCPConn).SetLinger(0)
			_ = nc.Close()
		}, "errors 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newIMAPWorld(t)
			nc, ended := imapDial(t, w, test.tls)
			test.do(t, nc)
			<-ended
			w.expect(test.counts, "")
		})
	}
}

// Bytes pass as they are, in every direction, and RemoteAddr is not asked for before
// the first of them.
func TestIMAPConnChangesNothing(t *testing.T) {
	w := newIMAPWorld(t)
	a, b := net.Pipe()
	defer b.Close()
	below := &shyConn{Conn: a}
	c := observe.IMAP(w.tel, below)
	if below.asked {
		t.Error("RemoteAddr has been asked for")
	}
	sent := bytes.Repeat([]byte("a\x00\xff\r\n"), 10000)
	go func() { _, _ = b.Write(sent); _, _ = c.Write(sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(iotest.OneByteReader(c), got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the server reads something else: %v", err)
	}
	if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the client reads something else: %v", err)
	}
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(got); err == nil {
		t.Error("a deadline that has passed is not heeded")
	}
	if c.NetConn() != net.Conn(below) {
		t.Error("NetConn is not the connection below")
	}
	_ = c.Close()
}

type shyConn struct {
	net.Conn
	asked bool
}

func (c *shyConn) RemoteAddr() net.Addr {
	c.asked = true
	return c.Conn.RemoteAddr()
}

func imapCertificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
