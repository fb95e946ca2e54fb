package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netsmtp "net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// unverified is how clients use TLS: the demo's certificate is self-signed.
var unverified = &tls.Config{InsecureSkipVerify: true}

// letter is a message. extra are header lines.
func letter(from, to, body string, extra ...string) string {
	lines := append([]string{
		"From: <" + from + ">", "To: <" + to + ">", "Subject: about " + marker,
		"Message-ID: <" + marker + "@client.example>",
	}, extra...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body + "\r\n"
}

// bring delivers a message as other servers do: with Go's own client, in plaintext and
// without a login.
func (d *demo) bring(to, message string) error {
	from := "stranger-" + marker + "@shop.example"
	client, err := d.plain()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Mail(from); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return errors.Join(err, client.Quit())
	}
	text, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := text.Write([]byte(message)); err != nil {
		return err
	}
	return errors.Join(text.Close(), client.Quit())
}

// bringLetter is bring for a message whose content does not matter.
func (d *demo) bringLetter(to string) error {
	return d.bring(to, letter("stranger-"+marker+"@shop.example", to, "Good morning."))
}

// plain is Go's own client after its EHLO.
func (d *demo) plain() (*netsmtp.Client, error) {
	conn, err := net.DialTimeout("tcp", d.smtp, patience)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	client, err := netsmtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	return client, client.Hello("client-" + marker + ".example")
}

// startTLS is go-smtp's client after STARTTLS.
func (d *demo) startTLS() (*smtp.Client, error) {
	conn, err := net.DialTimeout("tcp", d.smtp, patience)
	if err != nil {
		return nil, err
	}
	return smtp.NewClientStartTLS(conn, unverified)
}

// submit sends a message as a user does: with STARTTLS and a login.
func (d *demo) submit(from string, to ...string) error {
	client, err := d.startTLS()
	if err != nil {
		return err
	}
	return submitOver(client, from, to...)
}

func submitOver(client *smtp.Client, from string, to ...string) error {
	defer client.Close()
	if err := client.Auth(sasl.NewPlainClient("", user, password)); err != nil {
		return err
	}
	err := client.SendMail(from, to, strings.NewReader(letter(from, to[0], "See you soon.")))
	return errors.Join(err, client.Quit())
}

// say talks line by line: after the greeting each step is a line to send, " | " and the
// reply code to expect. After a step without a code it does not wait for a reply.
func (d *demo) say(steps ...string) error {
	conn, err := net.DialTimeout("tcp", d.smtp, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	return talk(conn, steps...)
}

func talk(conn net.Conn, steps ...string) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	text := textproto.NewConn(conn)
	if _, _, err := text.ReadResponse(220); err != nil {
		return fmt.Errorf("the greeting: %w", err)
	}
	for _, step := range steps {
		line, code, answered := strings.Cut(step, " | ")
		if _, err := fmt.Fprint(conn, line+"\r\n"); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if !answered {
			continue
		}
		if got, message, err := text.ReadResponse(0); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		} else if fmt.Sprint(got) != code {
			return fmt.Errorf("%s: %d %s, want %s", line, got, message, code)
		}
	}
	return nil
}

// refused turns an error into nil when it is the refusal that was expected.
func refused(code int, err error) error {
	var text *textproto.Error
	var reply *smtp.SMTPError
	switch {
	case err == nil:
		return fmt.Errorf("not refused: want %d", code)
	case errors.As(err, &text) && text.Code == code, errors.As(err, &reply) && reply.Code == code:
		return nil
	}
	return fmt.Errorf("want %d: %w", code, err)
}
