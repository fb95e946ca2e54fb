package sessions

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Proxy stands between clients and a server, passes on what both say and remembers it.
// It ends TLS on both of its sides, because it reads what is said inside.
type Proxy struct {
	protocol    Protocol
	mode        Mode
	server      string
	certificate tls.Certificate
	opened      func(*Proxy)
	listener    net.Listener
	group       sync.WaitGroup

	mu       sync.Mutex
	open     int
	sessions []*said
	err      error
}

// sessionTime is how long a session through a proxy may last.
const sessionTime = time.Minute

// StartProxy starts a proxy in front of the server at an address. Its clients get the
// certificate. opened is called whenever a client is about to hear the greeting, which
// waits for it.
func StartProxy(protocol Protocol, mode Mode, server string, certificate tls.Certificate, opened func(*Proxy)) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{protocol: protocol, mode: mode, server: server, certificate: certificate, opened: opened, listener: listener}
	p.group.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close waits until the sessions are over and returns what has happened in them, and
// what was said.
func (p *Proxy) Close() (counts Counts, dialogue string, err error) {
	err = p.listener.Close()
	p.group.Wait()
	counts = Counts{}
	for _, s := range p.sessions {
		counts.plus(p.protocol.read(s).counts)
		dialogue += s.String()
	}
	return counts, dialogue, errors.Join(err, p.err)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.group.Go(func() {
			err := p.pass(client)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.open--
			p.err = errors.Join(p.err, err)
		})
	}
}

// passing is a session under way.
type passing struct {
	proxy *Proxy

	mu             sync.Mutex
	said           *said
	asked          bool // for TLS, and not answered yet
	client, server net.Conn

	answered chan struct{} // once for each time that TLS was asked for
}

func (p *Proxy) pass(client net.Conn) error {
	defer client.Close()
	s := &said{mode: p.mode, parts: make([]part, 1)}
	p.mu.Lock()
	p.open++
	p.sessions = append(p.sessions, s)
	p.mu.Unlock()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return fmt.Errorf("dial the server: %w", err)
	}
	defer server.Close()
	end := time.Now().Add(sessionTime)
	if err := errors.Join(client.SetDeadline(end), server.SetDeadline(end)); err != nil {
		return fmt.Errorf("set deadlines: %w", err)
	}
	r := &passing{proxy: p, said: s, client: client, server: server, answered: make(chan struct{})}
	if p.mode == Implicit {
		if err := r.secure(); err != nil {
			return err
		}
	}
	var group sync.WaitGroup
	var fromClient error
	group.Go(func() {
		fromClient = r.fromClient()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.said.reset = errors.Is(fromClient, syscall.ECONNRESET); r.said.reset {
			fromClient = errors.Join(server.(*net.TCPConn).SetLinger(0), server.Close())
			return
		}
		_ = r.server.(interface{ CloseWrite() error }).CloseWrite() // it may have gone
	})
	fromServer := r.fromServer()
	close(r.answered)
	_ = r.client.(interface{ CloseWrite() error }).CloseWrite() // it may have gone
	group.Wait()
	s.over = true
	if s.reset {
		fromServer = nil
	}
	return errors.Join(fromClient, fromServer)
}

// secure puts TLS on both sides.
func (r *passing) secure() error {
	client := tls.Server(r.client, &tls.Config{Certificates: []tls.Certificate{r.proxy.certificate}})
	server := tls.Client(r.server, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // of a server on this machine
	if err := client.Handshake(); err != nil {
		return fmt.Errorf("handshake with the client: %w", err)
	}
	if err := server.Handshake(); err != nil {
		return fmt.Errorf("handshake with the server: %w", err)
	}
	r.client, r.server = client, server
	return nil
}

func (r *passing) fromClient() error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.client.Read(buffer)
		if err != nil {
			return unlessEnded(err)
		}
		r.mu.Lock()
		r.said.byClient(buffer[:n])
		asked := asksForTLS(buffer[:n]) && r.proxy.protocol.read(r.said).wants == anything
		r.asked = asked
		r.mu.Unlock()
		if _, err := r.server.Write(buffer[:n]); err != nil {
			return unlessEnded(err)
		}
		if asked {
			<-r.answered
		}
	}
}

// asksForTLS reports whether what a client says ends in a command that begins TLS.
func asksForTLS(text []byte) bool {
	text = bytes.ToUpper(text)
	return bytes.HasSuffix(text, []byte("STARTTLS\r\n")) || bytes.HasSuffix(text, []byte("STLS\r\n"))
}

func (r *passing) fromServer() error {
	buffer := make([]byte, 32<<10)
	for first := true; ; first = false {
		n, err := r.server.Read(buffer)
		if err != nil {
			return unlessEnded(err)
		}
		r.mu.Lock()
		r.said.byServer(buffer[:n])
		var now reading
		if r.asked {
			now = r.proxy.protocol.read(r.said)
		}
		r.mu.Unlock()
		if first {
			r.proxy.opened(r.proxy)
		}
		if _, err := r.client.Write(buffer[:n]); err != nil {
			return unlessEnded(err)
		}
		if now.wants == aHandshake {
			if err := r.upgrade(); err != nil {
				return err
			}
		}
		if now.answered || now.wants == aHandshake {
			r.mu.Lock()
			r.asked = false
			r.mu.Unlock()
			r.answered <- struct{}{}
		}
	}
}

func (r *passing) upgrade() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.secure(); err != nil {
		return err
	}
	r.said.upgraded = true
	r.said.parts = append(r.said.parts, part{})
	return nil
}

// Open is how many sessions are open now.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// unlessEnded is nil for the end of what one side says, with or without TLS's farewell.
func unlessEnded(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}
