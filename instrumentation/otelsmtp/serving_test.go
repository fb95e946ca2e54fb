package otelsmtp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/otelmailtest"
)

// layered puts a layer around every connection, as netutil.LimitListener does.
type layered struct {
	net.Listener
	around func(net.Conn) net.Conn
}

func (l layered) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.around(c), nil
}

type limited struct{ net.Conn }

// TestListeners: whatever lies around or below TLS, sessions are what they are.
func TestListeners(t *testing.T) {
	config := serverTLS(t)
	limit := func(c net.Conn) net.Conn { return &limited{c} }
	for name, tt := range map[string]struct {
		listener func(net.Listener) net.Listener
		kind     string
	}{
		"limit":            {func(l net.Listener) net.Listener { return layered{l, limit} }, "no"},
		"limit around TLS": {func(l net.Listener) net.Listener { return layered{tls.NewListener(l, config), limit} }, "yes"},
		"limit below TLS":  {func(l net.Listener) net.Listener { return tls.NewListener(layered{l, limit}, config) }, "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, &script{}, setting{listener: tt.listener})
			c := w.dial()
			if tt.kind == "yes" {
				c = hand(t, tls.Client(c.Conn, clientTLS(config)))
			}
			c.greet().say(transaction, "250", "250").say("DATA", "354").say("hi\r\n.", "250").say("FOO", "501").say("QUIT", "221")
			w.expect(counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, `rusmes_tls_sessions_total{tls="` + tt.kind + `"}`: 1,
				"rusmes_smtp_messages_received_total": 1, "rusmes_smtp_errors_total": 1})
		})
	}
}

// proxied is a connection behind a proxy: who the client is, is known when the proxy
// has said so.
type proxied struct {
	net.Conn
	known <-chan struct{}
}

func (p proxied) RemoteAddr() net.Addr {
	<-p.known
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25}
}

// TestProxies: a proxy that does not say who its client is holds up no other.
func TestProxies(t *testing.T) {
	known, blocked := make(chan struct{}), make(chan net.Addr, 2)
	first := true
	w := start(t, &script{}, setting{
		opts: []otelsmtp.Option{otelsmtp.Block(func(a net.Addr) bool { blocked <- a; return false })},
		listener: func(l net.Listener) net.Listener {
			return layered{l, func(c net.Conn) net.Conn {
				if first {
					first = false
					return proxied{c, known}
				}
				return c
			}}
		},
	})
	waiting := w.dial()
	w.dial().greet().say("QUIT", "221")
	<-blocked
	close(known)
	waiting.greet().say("QUIT", "221")
	if a := <-blocked; !strings.HasPrefix(a.String(), "192.0.2.1") {
		t.Errorf("the proxy's client is %v", a)
	}
	w.expect(counts{"rusmes_smtp_connections_total": 2, "rusmes_smtp_session_duration_seconds_count": 2, `rusmes_tls_sessions_total{tls="no"}`: 2})
}

// TestCutOffInTLS: a client that closes TLS as it should, but inside a message.
func TestCutOffInTLS(t *testing.T) {
	config := serverTLS(t)
	for name, do := range map[string]func(*client){
		"DATA": func(c *client) { c.say("DATA", "354").say("Subject: hi") },
		"BDAT": func(c *client) { c.send("BDAT 100 LAST\r\nSubject: hi\r\n") },
	} {
		for _, kind := range []string{"starttls", "yes"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				set, want := implicitTLS(config), counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, "rusmes_smtp_errors_total": 1}
				want[`rusmes_tls_sessions_total{tls="`+kind+`"}`] = 1
				if kind == "starttls" {
					set = setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }}
					want[`rusmes_tls_sessions_total{tls="no"}`] = 1
				}
				w := start(t, &script{}, set)
				c := w.dial()
				if kind == "yes" {
					c = hand(t, tls.Client(c.Conn, clientTLS(config))).greet()
				} else {
					c = c.greet().upgrade(config).say("EHLO client.example.net", "250")
				}
				do(c.say(transaction, "250", "250"))
				_ = c.Conn.(*tls.Conn).CloseWrite()
				_, _ = io.Copy(io.Discard, c.r)
				_ = c.Close()
				w.expect(want)
				w.Span("SMTP " + name).Has(otelmailtest.Attributes{"error.type": "eof", "smtp.response.status_code": nil})
			})
		}
	}
}

// TestLeftAfterHandshake: the tickets of TLS 1.3 that a client has not read make a
// reset of its leaving.
func TestLeftAfterHandshake(t *testing.T) {
	config := serverTLS(t)
	for _, kind := range []string{"starttls", "yes"} {
		t.Run(kind, func(t *testing.T) {
			set, want := implicitTLS(config), counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, `rusmes_tls_sessions_total{tls="` + kind + `"}`: 1}
			if kind == "starttls" {
				set = setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }}
				want[`rusmes_tls_sessions_total{tls="no"}`] = 1
			}
			w := start(t, &script{}, set)
			c := w.dial()
			if kind == "starttls" {
				c.greet().say("STARTTLS", "220")
			}
			if err := tls.Client(c.Conn, clientTLS(config)).Handshake(); err != nil {
				t.Fatal(err)
			}
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
			w.expect(want)
		})
	}
}

// TestIdleInTLS: a timeout is an error, whoever puts TLS on top.
func TestIdleInTLS(t *testing.T) {
	config := serverTLS(t)
	set := implicitTLS(config)
	set.server = func(s *gosmtp.Server) { s.ReadTimeout = 300 * time.Millisecond }
	w := start(t, &script{}, set)
	hand(t, tls.Client(w.dial().Conn, clientTLS(config))).greet().answer("421")
	w.expect(counts{"rusmes_smtp_connections_total": 1, "rusmes_smtp_session_duration_seconds_count": 1, `rusmes_tls_sessions_total{tls="yes"}`: 1, "rusmes_smtp_errors_total": 1})
	w.Span("SMTP session").Has(otelmailtest.Attributes{"error.type": "timeout"})
}

func TestShutdown(t *testing.T) {
	config := serverTLS(t)
	reading, finish := make(chan struct{}), make(chan struct{})
	w := start(t, &script{data: func(_ *gosmtp.Conn, r io.Reader) error {
		close(reading)
		<-finish
		_, err := io.Copy(io.Discard, r)
		return err
	}}, setting{server: func(s *gosmtp.Server) { s.TLSConfig = config }})
	silent := w.dial()
	silent.answer("220")
	idle := w.dial().greet()
	secure := w.dial().greet().upgrade(config).say("EHLO client.example.net", "250")
	busy := w.dial().greet().say(transaction, "250", "250").say("DATA", "354")
	<-reading

	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := w.server.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v with a message in transfer", err)
	}
	for _, c := range []*client{silent, idle, secure} {
		c.answer("421")
		c.closed()
	}
	again := make(chan error)
	go func() { again <- w.server.Shutdown(t.Context()) }()
	close(finish)
	busy.say("hi\r\n.", "250") // and then it is idle
	busy.answer("421")
	if err := <-again; !errors.Is(err, gosmtp.ErrServerClosed) {
		t.Error(err)
	}
	w.expect(counts{"rusmes_smtp_connections_total": 4, "rusmes_smtp_session_duration_seconds_count": 4, `rusmes_tls_sessions_total{tls="no"}`: 4, `rusmes_tls_sessions_total{tls="starttls"}`: 1,
		"rusmes_smtp_messages_received_total": 1})
	if err := w.server.Close(); err != nil {
		t.Errorf("Close after Shutdown: %v", err)
	}
	if err := w.server.Close(); !errors.Is(err, gosmtp.ErrServerClosed) {
		t.Errorf("the second Close: %v", err)
	}
}

// TestDebug: the application's own Debug sees what it always saw.
func TestDebug(t *testing.T) {
	config := serverTLS(t)
	var mu sync.Mutex
	var seen bytes.Buffer
	w := start(t, &script{}, setting{server: func(s *gosmtp.Server) {
		s.TLSConfig = config
		s.Debug = writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return seen.Write(p)
		})
	}})
	w.dial().greet().upgrade(config).say("EHLO inside", "250").say("QUIT", "221").closed()
	mu.Lock()
	defer mu.Unlock()
	for _, said := range []string{"220 mx.example.com", "EHLO client.example.net\r\n", "220 2.0.0", "EHLO inside\r\n", "250-Hello inside\r\n", "QUIT\r\n", "221 2.0.0 Bye\r\n"} {
		if n := strings.Count(seen.String(), said); n != 1 {
			t.Errorf("%q was seen %d times", said, n)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestServerIsCopied: all fields of the smtp.Server are those of a connection's.
func TestServerIsCopied(t *testing.T) {
	servers := make(chan *gosmtp.Server, 1)
	w := start(t, &script{session: func(c *gosmtp.Conn) error { servers <- c.Server(); return nil }}, setting{server: func(s *gosmtp.Server) {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			f := v.Field(i)
			switch {
			case !f.CanSet():
			case f.Kind() == reflect.Bool && v.Type().Field(i).Name != "LMTP":
				f.SetBool(true)
			case f.CanInt():
				f.SetInt(5_000_000_000 + int64(i))
			case f.Kind() == reflect.String:
				f.SetString("text")
			}
		}
		s.TLSConfig = serverTLS(t)
		s.Debug = io.Discard
	}})
	w.dial().greet()
	own, given := reflect.ValueOf(<-servers).Elem(), reflect.ValueOf(w.smtp).Elem()
	for i := range own.NumField() {
		name := own.Type().Field(i).Name
		if !own.Type().Field(i).IsExported() || name == "Backend" {
			continue
		}
		if !reflect.DeepEqual(own.Field(i).Interface(), given.Field(i).Interface()) {
			t.Errorf("%s is %v, not %v", name, own.Field(i), given.Field(i))
		}
	}
}
