// Package otelimapv1 instruments servers made with version 1 of
// [github.com/emersion/go-imap], in one line:
//
//	s := server.New(backend)
//	s.Enable(otelimapv1.Extension(tel))
//
// What is counted is what is said on the wire, in plaintext, under implicit TLS and
// after STARTTLS alike: every tagged reply ends one command, and NO and BAD are errors;
// an untagged BAD is an error that belongs to no command. See [observe.IMAPDialogue].
// Spans are as with otelimap, for version 2; the user is the one that the backend has
// logged in.
//
// A session that breaks counts as one error: a reset, a timeout, a TLS handshake that
// fails, a command that is cut off. go-imap hides a panic behind a BYE: the command that
// it cuts off ends as broken, with the error.type "canceled".
//
// A handler takes the context of the command in progress from [Context]; go-imap hands
// no connection to a backend. After COMPRESS a session is no longer followed, and
// counts in telemetry_unfollowed_sessions_total.
//
// Where the application has extensions that give connections a type of their own
// (server.ConnExtension), the order in which they are enabled does not matter, except
// that Context knows the connection of the one that is enabled last.
package otelimapv1
