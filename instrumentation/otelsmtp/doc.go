// Package otelsmtp instruments servers made with [github.com/emersion/go-smtp].
// A server adds two lines:
//
//	server := smtp.NewServer(otelsmtp.Wrap(tel, backend))
//	server.Serve(otelsmtp.Listener(tel, listener, otelsmtp.MaxConnections(500)))
//
// [Wrap] alone gives connections, active connections, the kind of TLS, session
// durations, AUTH, messages received and refused, messages by recipient domain,
// errors, and a span for each command as a child of the session's span. Inside
// the backend, [Context] returns the context of the command in progress:
//
//	func (s *Session) Data(r io.Reader) error {
//		ctx := otelsmtp.Context(s.conn) // enqueue under the span of DATA
//		…
//	}
//
// The Listener goes around a plain listener. For implicit TLS give it the option
// [ImplicitTLS] in place of a tls.NewListener:
//
//	server.Serve(otelsmtp.Listener(tel, listener, otelsmtp.ImplicitTLS(config)))
//
// # What each of the two sees
//
// With Wrap alone a session begins at the first EHLO, HELO or LHLO and ends when
// go-smtp logs the backend's session out. A client that never greets is not
// seen. A client that goes away between STARTTLS and the EHLO after it stays in
// active_connections until the garbage collector finds its connection, two
// minutes at most. A client whose EHLO the backend refuses is counted, but is no
// longer active from then on; if a later EHLO succeeds, its commands count.
// STARTTLS before any EHLO is taken for implicit TLS.
//
// With [Listener] a session is exact: it begins when the connection is accepted
// and ends when it is closed. A connection that breaks (idle timeout, reset by
// the client, a TLS handshake that fails) counts as one error; one that the
// client closes does not, whether it said QUIT or not.
//
// smtp_errors_total counts, once each:
//
//   - commands that the backend refuses: one for each reply 4xx or 5xx, which in
//     LMTP is one for each refused recipient;
//   - messages whose transfer broke off: the client went away during DATA, or
//     sent RSET (error.type canceled) or went away (eof) between the chunks of
//     BDAT. No reply answers these, so they are not refused messages. A client that goes away inside
//     its last BDAT chunk is not told apart from one that has sent all: go-smtp
//     hands over what came as a whole message;
//   - panics of the backend, which go-smtp answers with 421;
//   - with Listener, sessions that break;
//   - with Listener, on connections in plaintext, the replies 4xx and 5xx that
//     go-smtp gives without asking the backend: unknown commands, bad syntax,
//     commands out of order, sizes too big, lines too long. Two of them are
//     known for what they are: 552 to BDAT is a refused message, and 523 to AUTH
//     (TLS is required, RFC 5248) is a failed AUTH.
//
// Inside TLS that last kind cannot be seen and is not counted. There, and
// without Listener, a client that cancels AUTH, or sends bad base64 in the middle
// of it, is a failed AUTH with 501 at its next command; bad base64 in the first
// response is not seen, because go-smtp answers it alone.
//
// Spans exist for MAIL, RCPT, DATA, BDAT (one for a whole message), AUTH,
// STARTTLS, and for the greeting: LHLO on an LMTP server, else EHLO, which
// stands for HELO too. go-smtp answers NOOP, VRFY, RSET, a second EHLO, QUIT and
// unknown commands without a word to its backend: they have no span.
//
// Nothing of AUTH but the mechanism's name is looked at or kept.
package otelsmtp
