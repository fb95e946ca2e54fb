package observe_test

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// What a program has, as the examples of the documentation take it.
var (
	tel      = otelmail.Noop()
	accepted net.Conn
	config   *tls.Config
	listener net.Listener
)

func ExampleLimitIMAP() {
	listener = observe.LimitIMAP(tel, listener, 500)
}

// One line where a connection was accepted, and one after STARTTLS.
func ExampleSMTPConn_Upgrade() {
	conn := observe.SMTP(tel, accepted, observe.SMTPRole(otelmail.RoleSubmission))

	secure := tls.Server(conn, config)
	conn = conn.Upgrade(secure) // read and write this one
	defer conn.Close()
}

func ExampleIMAPConn() {
	conn := observe.IMAP(tel, accepted)
	defer conn.Close()
}

func ExamplePOP3Conn() {
	conn := observe.POP3(tel, accepted)
	defer conn.Close()
}

func ExampleSMTPConn() {
	conn := observe.SMTP(tel, accepted) // use conn in place of accepted
	defer conn.Close()
}

// A server that has only a hook for what was said, and its own word for what broke.
func ExampleNewPOP3Dialogue() {
	tel, err := otelmail.New()
	if err != nil {
		fmt.Println(err)
	}
	d := observe.NewPOP3Dialogue(tel, otelmail.Conn{Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711}})
	d.FromServer([]byte("+OK ready\r\n"))
	d.FromClient([]byte("STLS\r\n"))
	d.FromServer([]byte("+OK begin TLS\r\n"))
	if d.Sealed() {
		d.Upgrade(tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS13})
	}
	d.FromClient([]byte("RETR 1\r\n"))
	d.Cause(otelmail.CauseStorage) // what lies behind the -ERR that follows
	d.FromServer([]byte("-ERR cannot be read\r\n"))
	d.Lost(otelmail.CauseTimeout)
	d.End(otelmail.CauseNone) // Lost has said why
	upgraded, err := tel.Value("tls_sessions_total", "starttls")
	fmt.Println(upgraded, err)
	// Output: 1 <nil>
}

// What only the server knows: the id that it gave the message, and who logged in.
func ExampleSMTPDialogue_QueueID() {
	conn := observe.SMTP(tel, accepted)
	conn.QueueID("4bXk2m1")
	conn.User("bob@example.org")
}

func ExampleIMAPDialogue_User() {
	conn := observe.IMAP(tel, accepted, observe.IMAPDecompressed())
	conn.User("bob@example.org") // by GSSAPI, for example
}

func ExamplePOP3Dialogue_User() {
	conn := observe.POP3(tel, accepted)
	conn.User("bob@example.org") // by a client certificate, for example
}
