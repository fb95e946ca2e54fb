package otelsmtp

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// StartTLS makes a go-smtp client of a connection that a delivery attempt has made, says
// hello as localName, and upgrades to TLS by STARTTLS. It records the phase "tls", and notes
// the session's TLS: its state, or why there is none (RFC 8460). An error that is not about
// TLS, such as a greeting with 554, is not taken for one. After an error the connection is
// closed: where the policy allows plaintext, connect anew and use [smtp.NewClient].
//
//	conn, err := attempt.Dial(ctx, dialer.DialContext, "tcp", "mx.example.net:25")
//	if err != nil {
//		return nil, err
//	}
//	return otelsmtp.StartTLS(attempt, conn, "mail.example.org", &tls.Config{ServerName: "mx.example.net"})
func StartTLS(d otelmail.Delivering, conn net.Conn, localName string, config *tls.Config) (*smtp.Client, error) {
	phase := d.Phase(otelmail.PhaseTLS)
	defer phase.End()
	client, err := smtp.NewClientStartTLS(conn, config) // says hello, and STARTTLS
	if err != nil {
		if notOffered(err) {
			d.TLSFailed(mailconv.StartTLSNotSupported, nil)
		}
		return nil, err
	}
	err = client.Hello(localName) // the handshake comes with what is first written
	if state, ok := client.TLSConnectionState(); ok && state.HandshakeComplete {
		d.TLS(state)
	} else if err != nil && otelmail.CauseOf(err) != otelmail.CauseCanceled {
		d.TLSFailed(otelmail.TLSFailureOf(err), err)
	}
	if err != nil {
		_ = client.Close() // it is of no more use
		return nil, err
	}
	return client, nil
}

// notOffered reports that the server does not have STARTTLS, or does not have it now (RFC
// 3207 section 4: 454). go-smtp has no type for the former.
func notOffered(err error) bool {
	var said *smtp.SMTPError
	if errors.As(err, &said) {
		return said.Code == 454
	}
	return strings.HasSuffix(err.Error(), "doesn't support STARTTLS")
}
