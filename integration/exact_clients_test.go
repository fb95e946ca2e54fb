package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netsmtp "net/smtp"
	"net/textproto"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func (d *demo) bringOverTLS() error {
	client, err := d.plain()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.StartTLS(unverified); err != nil {
		return err
	}
	return errors.Join(sendWith(client), client.Quit())
}

func (d *demo) bringTwo() error {
	client, err := d.plain()
	if err != nil {
		return err
	}
	defer client.Close()
	return errors.Join(sendWith(client), sendWith(client), client.Quit())
}

// sendWith sends a message to the user.
func sendWith(client *netsmtp.Client) error {
	from := "stranger-" + marker + "@shop.example"
	if err := errors.Join(client.Mail(from), client.Rcpt(own)); err != nil {
		return err
	}
	text, err := client.Data()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(text, letter(from, own, "Good morning."))
	return errors.Join(err, text.Close())
}

func (d *demo) bringInChunks() error {
	return d.say("EHLO c.example | 250", "MAIL FROM:<a@b.example> | 250", "RCPT TO:<"+own+"> | 250",
		"BDAT 16\r\nSubject: hello | 250", "BDAT 9 LAST\r\n\r\nhello | 250", "QUIT | 221")
}

func (d *demo) submitOverTLS() error {
	client, err := smtp.DialTLS(d.submissions, unverified)
	if err != nil {
		return err
	}
	return submitOver(client, own, "friend-"+marker+"@partner.example")
}

// announceTooMuch gives the size with MAIL (RFC 1870), which go-smtp refuses by itself.
func (d *demo) announceTooMuch() error {
	client, err := smtp.Dial(d.smtp)
	if err != nil {
		return err
	}
	defer client.Close()
	return errors.Join(refused(552, client.Mail(own, &smtp.MailOptions{Size: 1<<20 + 1})), client.Quit())
}

// login logs in and wants to be refused with the code, or accepted for 0.
func (d *demo) login(password string, code int) error {
	client, err := d.startTLS()
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Auth(sasl.NewPlainClient("", user, password))
	if code != 0 {
		err = refused(code, err)
	}
	return errors.Join(err, client.Quit())
}

func (d *demo) onlyStartTLS() error {
	client, err := d.startTLS()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Noop(); err != nil { // the handshake comes with the first command
		return err
	}
	if state, ok := client.TLSConnectionState(); !ok || state.Version < tls.VersionTLS12 {
		return fmt.Errorf("no TLS: %+v", state)
	}
	return client.Quit()
}

// breakOff resets the connection in the middle of a session, after what is said.
func (d *demo) breakOff(said ...string) error {
	conn, err := net.DialTimeout("tcp", d.smtp, patience)
	if err != nil {
		return err
	}
	if err := talk(conn, append([]string{"EHLO c.example | 250"}, said...)...); err != nil {
		return err
	}
	return errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close())
}

func (d *demo) connectBlocked() error {
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 66)}, Timeout: patience}).Dial("tcp", d.smtp)
	if err != nil {
		return err
	}
	defer conn.Close()
	return refused(554, talk(conn))
}

// connectTooMany holds as many connections as are allowed and opens three more.
func (d *demo) connectTooMany() error {
	d.settled() // or somebody else might still hold one
	for n := range 103 {
		conn, err := net.DialTimeout("tcp", d.smtp, patience)
		if err != nil {
			return err
		}
		defer conn.Close()
		switch _, _, err := textproto.NewConn(conn).ReadResponse(220); {
		case n < 100 && err != nil:
			return fmt.Errorf("connection %d: %w", n+1, err)
		case n >= 100:
			if err := refused(421, err); err != nil {
				return fmt.Errorf("connection %d: %w", n+1, err)
			}
		}
	}
	return nil
}
