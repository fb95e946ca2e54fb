package sessions

import (
	"cmp"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

// Mode is where TLS begins.
type Mode uint8

// The modes.
const (
	Plaintext Mode = iota
	StartTLS       // in plaintext; the client asks for TLS by STARTTLS or STLS
	Implicit       // before anything is said
)

// String returns "plaintext", "starttls" or "implicit".
func (m Mode) String() string { return [...]string{"plaintext", "starttls", "implicit"}[m] }

// begins is how a session is counted that begins so.
func begins(m Mode) string {
	return Name("tls_sessions_total", "tls", map[bool]string{true: "yes", false: "no"}[m == Implicit])
}

// Server is what is tested.
type Server struct {
	Protocol Protocol
	Mode     Mode
	// Dial opens a connection, in plaintext: TLS is for this package to speak. It
	// must be a TCP connection for those ends of a session that are not polite.
	Dial func() (net.Conn, error)
	// TLS is the client's side of it. A certificate of any name is right.
	TLS *tls.Config
	// Counts is what has been counted up to now. It may have more than is compared.
	Counts func() (Counts, error)
	// Spans says that Counts has them.
	Spans bool
	// User and Password log in. The server may accept others too.
	User, Password string
	// Recipients are addresses that mail is sent to; some may be refused.
	Recipients []string
	// InStep says that the server does not take commands that are sent ahead of its replies.
	InStep bool
	// Patience is how long the server may take to answer, and to count. Default 10 s.
	Patience time.Duration

	// Only is the name of the session to run, "" for all.
	Only string

	open    int64 // connections that are counted as open when none of ours is
	started bool
	known   Counts // after a session that was counted as it happened, else nil
	latest  string // dialogue
}

// Follow has the server begin where the sessions with another one have ended, which is the same server in
// another protocol or mode: a connection of the last of them may not be counted as closed yet.
func (server *Server) Follow(last *Server) {
	server.open, server.started, server.latest = last.open, last.started, last.latest
}

func (server *Server) patience() time.Duration { return cmp.Or(server.Patience, 10*time.Second) }

// Protocol is a protocol to test: how clients talk, and how to read what was said.
// The fields are of this package's own, so that a new protocol is a value beside [SMTP] and
// [POP3].
type Protocol struct {
	name   string // "smtp", "lmtp", "imap", "pop3"
	label  string // what series and spans call it: "smtp", "imap", "pop3"
	fixed  []fixed
	script func(*rand.Rand, *Server) []unit
	read   func(*said) reading
}

// unit is what a client says in one go: a command, or what follows on one.
type unit struct {
	text string
	// only says what the server must wait for, else a client that listens leaves the
	// unit out; a client that sends everything at once does not know.
	only wants
	// upgrade begins TLS, if the server says so.
	upgrade bool
}

// wants is what a server waits for.
type wants uint8

const (
	anything      wants = iota // a command
	aResponse                  // the answer to a challenge of AUTH
	aBody                      // a message
	aHandshake                 // TLS
	aContinuation              // of a command of IMAP, after "+"
	nothing                    // the session is over
)

// said is what both sides have said: first in plaintext, or inside implicit TLS; then,
// after an upgrade, inside TLS.
type said struct {
	mode     Mode
	parts    []part
	turns    []turn
	upgraded bool // the handshake of the last part has succeeded
	over     bool // nothing will follow
	reset    bool // the client broke off
	lied     bool // the client spoke plaintext where TLS had to begin
	lost     bool // the server broke off: it may have said more
	closed   bool // the server closed before the client did
}

type part struct{ client, server []byte }

// turn is what one side has said before the other one did.
type turn struct {
	part   int
	client bool
	text   []byte
}

func (s *said) last() *part { return &s.parts[len(s.parts)-1] }

// heardAfter is how many bytes of a part the client had said when it had heard so many of the
// server's.
func (s *said) heardAfter(part, heard int) (all int) {
	if len(s.turns) == 0 {
		return len(s.parts[part].client)
	}
	for _, t := range s.turns {
		switch {
		case t.part != part:
		case t.client:
			all += len(t.text)
		case heard <= len(t.text):
			return all
		default:
			heard -= len(t.text)
		}
	}
	return all
}

func (s *said) byClient(text []byte) {
	s.last().client = append(s.last().client, text...)
	s.turn(true, text)
}

func (s *said) byServer(text []byte) {
	s.last().server = append(s.last().server, text...)
	s.turn(false, text)
}

func (s *said) turn(client bool, text []byte) {
	part := len(s.parts) - 1
	if n := len(s.turns); n > 0 && s.turns[n-1].client == client && s.turns[n-1].part == part {
		s.turns[n-1].text = append(s.turns[n-1].text, text...)
	} else if len(text) > 0 {
		s.turns = append(s.turns, turn{part, client, slices.Clone(text)})
	}
}

// reading is what was said, understood.
type reading struct {
	counts Counts
	wants  wants
	// answered says that the server has answered everything.
	answered bool
	// refused says that the server does not want the client's connection.
	refused bool
	// unknown says that what the server must make of it, and count, cannot be told.
	unknown bool
}
