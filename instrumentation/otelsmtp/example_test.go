package otelsmtp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	smtpclient "net/smtp"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// inbox is a backend that takes every message and throws it away.
type inbox struct{}

func (inbox) NewSession(*smtp.Conn) (smtp.Session, error) { return inbox{}, nil }
func (inbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (inbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (inbox) Data(r io.Reader) error                      { _, err := io.Copy(io.Discard, r); return err }
func (inbox) Reset()                                      {}
func (inbox) Logout() error                               { return nil }

func Example() {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals())
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	server := otelsmtp.NewServer(tel, smtp.NewServer(inbox{}), otelsmtp.MaxConnections(500))
	go server.Serve(l)
	defer server.Close()

	err = smtpclient.SendMail(l.Addr().String(), nil, "alice@sender.example", []string{"bob@example.org"},
		[]byte("Subject: hello\r\n\r\nHello, Bob.\r\n"))
	if err != nil {
		log.Fatal(err)
	}
	received, err := tel.Value("smtp_messages_received_total")
	fmt.Println("received:", received, err)
	forOrg, err := tel.Value("messages_per_domain_total", "example.org")
	fmt.Println("for example.org:", forOrg, err)
	// Output:
	// received: 1 <nil>
	// for example.org: 1 <nil>
}
