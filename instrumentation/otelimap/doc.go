// Package otelimap instruments servers made with [github.com/emersion/go-imap/v2].
// NewServer takes the place of imapserver.New:
//
//	server := otelimap.NewServer(tel, options) // what imapserver.New takes
//	server.Serve(listener)                     // any listener; for implicit TLS tls.NewListener(l, config)
//
// What is counted is what is said on the wire, in plaintext, under implicit TLS and
// after STARTTLS alike: every tagged reply ends one command, go-imap's own replies
// too, and NO and BAD are errors. See [observe.IMAPDialogue]. The error.type is the
// reply's response code, such as AUTHENTICATIONFAILED, if RFC 9051 or one of its
// extensions knows it; else "no" or "bad".
//
// A session that breaks counts as one error, that of the command in progress if there
// is one: a reset, a timeout, a TLS handshake that fails, a panic, a line that is no
// command, for which go-imap hangs up. A client that closes the connection between two
// commands breaks nothing, whether it said LOGOUT or not. A reply is counted just after
// it has been written.
//
// A backend that starts spans of its own takes the context of the command in progress
// from [Context].
//
// # How it works
//
// Every connection has an imapserver.Server of its own, because that has one
// [imapserver.Options.DebugWriter], which is given all that is read and written, as
// plaintext. An application's own DebugWriter and Logger are passed on to. Because of
// this Server closes and shuts down connections itself.
//
// # IDLE
//
// A client may stay in IDLE for half an hour, for days on end. IDLE is one
// command, counted when it ends, and its span begins when the client's wait is
// over: it covers what the server then does until it answers. So no span is held
// open while clients wait, durations of spans are those of work, and one command
// stays one span, with the result that was sent. Work that a backend does during
// IDLE is no child of it: Context then carries no span.
//
// # Spans
//
// A command's span ends with go-imap's answer: the poll for updates that comes
// before most answers is inside. imap.state is the state in which the command
// came. user.* is on all commands between LOGIN (or AUTHENTICATE, see [WithUser])
// and UNAUTHENTICATE. imap.mailbox is the mailbox that a command names or, for
// commands on messages, the selected one; for COPY and MOVE the one they take
// from, for RENAME the old name; in modified UTF-7 where the client wrote that. UID
// FETCH is FETCH, and so on. An APPEND whose line goes on behind the message is not
// answered by go-imap: it ends as broken with the next reply.
//
// Passwords are not kept.
package otelimap
