// Package otelsmtp instruments servers made with [github.com/emersion/go-smtp]. A
// server adds one line:
//
//	server := otelsmtp.NewServer(tel, smtp.NewServer(backend), otelsmtp.MaxConnections(500), otelsmtp.Block(blocked))
//	server.ListenAndServe()
//
// Everything is counted from what client and server say, in plaintext, after STARTTLS
// and under implicit TLS alike, by [github.com/rusmes/otelmail/observe]: connections
// from accept to close, TLS, every command and reply, logins, messages, and what
// go-smtp answers without asking its backend. Inside the backend, [Context] returns the
// context of the command in progress:
//
//	func (s *Session) Data(r io.Reader) error {
//		ctx := otelsmtp.Context(s.conn) // store the message under the span of DATA
//		return s.store(ctx, r)
//	}
//
// Any listener will do: with implicit TLS one that [crypto/tls.NewListener] or
// [Server.ListenAndServeTLS] makes, a netutil.LimitListener around or below that, one
// that speaks the PROXY protocol, a unix socket.
//
// # What counts
//
// A session begins when its connection is accepted and ends when that is closed. A
// client that closes is no error, whether it said QUIT or not; an idle timeout, a
// reset by the client and a TLS handshake that fails are. smtp_errors_total counts,
// once each:
//
//   - every reply 4xx or 5xx, which in LMTP is one for each refused recipient;
//   - messages whose transfer broke off: the client went away inside DATA or BDAT
//     (error.type eof), whatever the backend made of it, or sent RSET between the
//     chunks of BDAT (canceled). No reply answers these, so they are not refused
//     messages;
//   - AUTH that the client left in the middle, which is a failed AUTH too;
//   - sessions that break.
//
// A refusal of DATA or BDAT for its syntax or its place (500 to 504, or no recipient)
// is an error and no refused message. A panic of the backend, which go-smtp answers
// with 421, has the error.type panic.
//
// Each command has a span, which ends with its reply; a message by BDAT has one from
// its first chunk on. Of AUTH the mechanism's name is looked at, and of a PLAIN that
// comes with the command and fails who tried to log in.
//
// # One smtp.Server for each connection
//
// go-smtp shows what is said inside TLS to one writer for each server, its field Debug.
// So each connection is served by a copy of the smtp.Server that NewServer was given,
// and [smtp.Conn.Server] returns that copy. Its fields are those of the original, but
// for Backend (a wrapper), and inside TLS Debug and ErrorLog, which pass everything on
// to the original's. Its Close and Shutdown concern that one connection; use those of
// [Server].
package otelsmtp
