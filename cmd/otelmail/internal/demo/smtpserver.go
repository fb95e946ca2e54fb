package demo

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/mailconv"
)

const (
	maxMessage     = 1 << 20 // bytes
	maxRecipients  = 50
	maxConnections = 100
)

// blockedIP is on the demo's block list: an address of this machine's loopback
// network, so that blocking can be tried.
var blockedIP = net.IPv4(127, 0, 0, 66)

func blocked(client net.Addr) bool {
	tcp, ok := client.(*net.TCPAddr)
	return ok && tcp.IP.Equal(blockedIP)
}

// smtpServer takes mail in: from other servers for the local user, and from the
// local user, logged in, for everybody.
type smtpServer struct {
	log   *slog.Logger
	local *slog.Logger // for what go-smtp reports, client addresses among it
	store *mailStore
	queue *queue

	fellows *fellows

	authenticator *authenticator
	limit         *pace // of a user's messages
}

// newServing makes a go-smtp server of one role, which is recorded.
func (s *smtpServer) newServing(tel *otelmail.Telemetry, role otelmail.SMTPRole, certificate *tls.Config, plaintextAuth bool, limit int) *serving {
	server := smtp.NewServer(s)
	server.Domain = localHost
	server.TLSConfig = certificate
	server.MaxMessageBytes = maxMessage
	server.MaxRecipients = maxRecipients
	server.AllowInsecureAuth = plaintextAuth
	server.ReadTimeout = 5 * time.Minute // RFC 5321 section 4.5.3.2.7
	server.WriteTimeout = time.Minute
	return newServing(tel, server, s.local, otelsmtp.WithRole(role), otelsmtp.WithUser(userOf),
		otelsmtp.Block(blocked), otelsmtp.MaxConnections(limit))
}

// NewSession implements [smtp.Backend].
func (s *smtpServer) NewSession(conn *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: conn}, nil
}

// session implements [smtp.Session] and [smtp.AuthSession].
type session struct {
	server *smtpServer
	conn   *smtp.Conn

	user       string // who has logged in; empty for nobody
	sender     string
	recipients []string
}

// userOf tells telemetry who has logged in.
func userOf(s smtp.Session) string {
	if s, ok := s.(*session); ok {
		return s.user
	}
	return ""
}

// Mail implements [smtp.Session].
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.sender = from
	return nil
}

// Rcpt implements [smtp.Session].
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case s.server.store.has(to):
	case domainOf(to) == localDomain:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	case s.user == "" && !s.fromFellow():
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Relaying denied: log in first"}
	}
	s.recipients = append(s.recipients, to)
	return nil
}

// Data implements [smtp.Session]. The reply 250 is a promise (RFC 5321 section
// 6.1), so the message is on disk before it is given.
func (s *session) Data(r io.Reader) error {
	text, ctx, err := s.server.fellows.inbound(otelsmtp.Context(s.conn), s.conn.Conn().RemoteAddr(), r)
	if err != nil {
		return err // 552 when the message is too large
	}
	switch {
	case s.fromFellow(): // evaluated there
	case s.user == "":
		s.server.authenticator.evaluate(ctx, s.conn.Conn().RemoteAddr(), s.conn.Hostname(), s.sender, text)
	default:
		s.server.limit.wait(s.user) // there is but one
	}
	it := &item{
		Sender:     s.sender,
		Recipients: s.recipients,
		MessageID:  header(text, "Message-Id"),
		Direction:  s.direction(),
	}
	if err := s.server.queue.enqueue(ctx, it, append(s.received(), text...)); err != nil {
		s.server.log.ErrorContext(ctx, "refused: the spool cannot be written", "error", err)
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "The message cannot be stored now"}
	}
	s.server.log.InfoContext(ctx, "accepted", "id", it.ID, "from", shown(domainOf(it.Sender)),
		"recipients", len(it.Recipients), "bytes", it.Size)
	return nil
}

func (s *session) fromFellow() bool { return s.server.fellows.has(s.conn.Conn().RemoteAddr()) }

func (s *session) direction() mailconv.Direction {
	if s.user == "" && !s.fromFellow() {
		return mailconv.Inbound
	}
	for _, recipient := range s.recipients {
		if domainOf(recipient) != localDomain {
			return mailconv.Outbound
		}
	}
	if s.user == "" && domainOf(s.sender) != localDomain {
		return mailconv.Inbound
	}
	return mailconv.Internal
}

// received is the trace header that every server adds (RFC 5321 section 4.4).
func (s *session) received() []byte {
	protocol := "ESMTP"
	if _, ok := s.conn.TLSConnectionState(); ok {
		protocol += "S"
	}
	if s.user != "" {
		protocol += "A" // RFC 3848
	}
	return fmt.Appendf(nil, "Received: from %s by %s with %s; %s\r\n",
		s.conn.Hostname(), localHost, protocol, time.Now().Format(time.RFC1123Z))
}

// Reset implements [smtp.Session].
func (s *session) Reset() { s.sender, s.recipients = "", nil }

// Logout implements [smtp.Session].
func (s *session) Logout() error { return nil }
