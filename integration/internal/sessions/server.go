package sessions

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
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

// Server is what is tested.
type Server struct {
	Protocol Protocol
	Mode     Mode
	// Dial opens a connection, in plaintext: TLS is for this package to speak. It
	// must be a TCP connection for those ends of a session that are not polite.
	Dial func() (net.Conn, error)
	// TLS is the client's side of it. A certificate of any name is right.
	TLS *tls.Config
	// Counts is what has been counted up to now. Series that no reader knows may be in it.
	Counts func() (Counts, error)
	// User and Password log in. The server may accept others too.
	User, Password string
	// Domains are those that recipients are of; some may be refused.
	Domains []string
}

// Protocol is a protocol to test: how clients talk, and how to read what was said.
// The fields are functions of this package's own, so that a new protocol is a value
// beside [SMTP] and [POP3].
type Protocol struct {
	name   string
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
	upgraded bool // the handshake of the last part has succeeded
	over     bool // nothing will follow
	reset    bool // the client broke off
	lost     bool // the server broke off: it may have said more
}

type part struct{ client, server []byte }

func (s *said) last() *part { return &s.parts[len(s.parts)-1] }

// reading is what was said, understood.
type reading struct {
	counts Counts
	wants  wants
	// answered says that the server has answered everything.
	answered bool
	// unknown says that what the server must make of it, and count, cannot be told.
	unknown bool
}
