package checks_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// check is what the constructors return.
type check = func(context.Context) error

// run runs a check once, as the registry does, with far more time than it needs.
func run(t *testing.T, c check) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return c(ctx)
}

// wantError wants the error to say all of this, or no error where nothing is to be said.
func wantError(t *testing.T, err error, says ...string) {
	t.Helper()
	if err != nil && len(says) == 0 {
		t.Errorf("error: %v", err)
	}
	for _, part := range says {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want %q in it", err, part)
		}
	}
}

// server is a listener whose sessions are played by a function.
type server struct {
	address string

	mu       sync.Mutex
	sessions []string // what each client has said, in lines
}

// serve plays sessions until the test ends, on a port of this machine.
func serve(t *testing.T, play func(*session)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String()}
	s.serve(t, l, play)
	return s
}

func (s *server) serve(t *testing.T, l net.Listener, play func(*session)) {
	var loops sync.WaitGroup
	t.Cleanup(func() { l.Close(); loops.Wait() })
	ended := t.Context()
	loops.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			loops.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ended, func() { conn.Close() })()
				c := &session{conn: conn, lines: bufio.NewReader(conn)}
				play(c)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.sessions = append(s.sessions, strings.Join(c.said, ","))
			})
		}
	})
}

// said waits for the end of the first sessions, and returns what the clients have said.
func (s *server) said(t *testing.T, n int) []string {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		got := s.sessions
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			t.Fatalf("%d sessions have ended, want %d", len(got), n)
		}
	}
}

// session is the server's side of one connection.
type session struct {
	conn  net.Conn
	lines *bufio.Reader
	said  []string
}

// write ignores that the client is gone.
func (c *session) write(text string) { _, _ = c.conn.Write([]byte(text)) }

// read returns the next line of the client, "" when it is gone.
func (c *session) read() string {
	line, err := c.lines.ReadString('\n')
	if err != nil {
		c.said = append(c.said, "(gone)")
		return ""
	}
	line = strings.TrimRight(line, "\r\n")
	c.said = append(c.said, line)
	return line
}

// answer answers each line of the client by the first entry that it begins with, until
// it is gone or leaves.
func (c *session) answer(answers ...[2]string) {
	for line := c.read(); line != ""; line = c.read() {
		for _, a := range answers {
			// Of IMAP, a1 stands for any tag.
			tag, command, tagged := strings.Cut(line, " ")
			_, wanted, _ := strings.Cut(a[0], "a1 ")
			if tagged && wanted != "" && strings.HasPrefix(command, wanted) {
				c.write(strings.Replace(a[1], "a1 ", tag+" ", 1))
				break
			}
			if a[0] != "" && strings.HasPrefix(line, a[0]) {
				c.write(a[1])
				break
			}
		}
		if line == "QUIT" || strings.HasSuffix(line, "LOGOUT") {
			return
		}
	}
}

// secure is the server's side of STARTTLS.
func (c *session) secure(config *tls.Config) bool {
	conn := tls.Server(c.conn, config)
	if err := conn.Handshake(); err != nil {
		c.said = append(c.said, "(no TLS: "+err.Error()+")")
		return false
	}
	c.conn, c.lines = conn, bufio.NewReader(conn)
	return true
}

// certificate is one for mail.example.org, and who trusts it.
func certificate(t *testing.T, notAfter time.Time) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example.org"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: notAfter.AddDate(-1, 0, 0), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
