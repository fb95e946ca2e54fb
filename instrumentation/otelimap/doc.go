// Package otelimap instruments servers made with [github.com/emersion/go-imap/v2].
// A server wraps the constructor of its sessions, and may wrap its listener:
//
//	server := imapserver.New(&imapserver.Options{
//		NewSession: otelimap.Wrap(tel, backend.NewSession),
//	})
//	server.Serve(otelimap.Listener(listener))
//
// [Wrap] alone gives connections, active connections, the kind of TLS, a span
// and a count for each command that reaches the session, and errors: every
// command that go-imap answers with NO or BAD, and every command that the end of
// the connection cuts off. What go-imap answers to an error of the backend is
// known beforehand: what an [imap.Error] says, NO for any other. The error.type
// is the reply's response code, such as AUTHENTICATIONFAILED, if RFC 9051 or one
// of its extensions knows it; else "no" or "bad".
//
// A backend that wants the context of the command in progress, to start spans of
// its own, is wrapped with [WrapContext] in place of Wrap.
//
// # What each of the two sees
//
// A session begins and ends exactly, with Wrap alone too. But go-imap answers
// much without a word to the session. With Wrap alone, and with [Listener]
// inside TLS:
//
//   - NOOP and CHECK, CAPABILITY and ENABLE of a client that is logged in reach
//     the session as a mere poll. Each is one command, and is named NOOP.
//   - These are not seen: LOGOUT; NOOP, CHECK and CAPABILITY before LOGIN; and
//     whatever go-imap refuses by itself: bad syntax, unknown commands (ID is
//     one), commands in the wrong state, LOGIN without TLS, literals that are too
//     big, mechanisms and commands that the session does not support.
//   - STARTTLS is seen at the next LOGIN or AUTHENTICATE, or at the end.
//   - AUTHENTICATE PLAIN is named LOGIN, unless the session has mechanisms of its
//     own ([imapserver.SessionSASL]). One of those that the client cancels, or
//     answers with bad base64, ends as BAD with the client's next command.
//   - SELECT of a client whose last mailbox cannot be left is named UNSELECT.
//   - An IDLE that the client ends with anything but DONE ends as BAD with the
//     next command; if that is a mere poll, the two count as one.
//   - After an IDLE for which the backend fails with anything but an imap.Error,
//     one mere poll is not counted: go-imap polls for clients that are gone.
//   - An APPEND whose line goes on behind the message is not answered by go-imap.
//     It ends as broken with the next command; if that is a mere poll, the two
//     count as one.
//
// With Listener, in plaintext, go-imap's tagged replies are read as they are
// written: every reply is one command, to the last one, and a command without a
// reply is broken. Those that the session does not see get a span too, named
// after the reply's text if they succeeded, else _OTHER. Only AUTHENTICATE PLAIN
// and SELECT that fail keep the names above. All this holds until STARTTLS.
//
// With Listener a session that breaks counts as one error: a timeout, a reset, a
// TLS handshake that fails and, in plaintext, a line that is no command, for
// which go-imap hangs up. A client that closes the connection between two
// commands breaks nothing, whether it said LOGOUT or not. With Wrap alone only
// the handshake of STARTTLS is known to have failed; and a command whose reply
// can no longer be written, because the client is gone, counts as NO where the
// backend failed for that reason. Either way it is one error.
//
// # IDLE
//
// A client may stay in IDLE for half an hour, for days on end. IDLE is one
// command, counted when it ends, and its span begins when the client's wait is
// over: it covers what the server then does until it answers. So no span is held
// open while clients wait, durations of spans are those of work, and one command
// stays one span, with the result that was sent. Work that a backend does during
// IDLE is no child of it: Current then carries no span.
//
// # Spans
//
// A command's span ends with go-imap's answer: the poll for updates that comes
// before most answers is inside. imap.state is the state in which the command
// came. user.* is on all commands between LOGIN (or AUTHENTICATE, see [WithUser])
// and UNAUTHENTICATE. imap.mailbox is the mailbox that a command names or, for
// commands on messages, the selected one; for COPY and MOVE the one they take
// from, for RENAME the old name. UID FETCH is FETCH, and so on. The second half
// of CLOSE and the UNSELECT that SELECT implies are no commands of their own.
//
// Passwords and SASL responses are not looked at.
package otelimap
