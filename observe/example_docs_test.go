package observe_test

import (
	"crypto/tls"
	"net"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// What a program has, as the examples of the documentation take it.
var (
	tel      = otelmail.Noop()
	accepted net.Conn
	config   *tls.Config
)

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
