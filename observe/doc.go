// Package observe records what a mail server does from what passes over its
// connections, whatever library the server is built on: every command, reply,
// refusal, login, message and session, counted exactly and traced, in plaintext,
// after STARTTLS and under implicit TLS alike.
//
// A server that owns its connections adds one line, by [SMTP], [IMAP] or [POP3]:
//
//	conn := observe.SMTP(tel, accepted) // use conn in place of accepted
//
// [SMTPConn], [IMAPConn] and [POP3Conn] are a [net.Conn] that changes and delays
// nothing. With implicit TLS give it the *tls.Conn; after STARTTLS go on with what its
// Upgrade returns. Context is that of the command in progress, so that a handler's work
// becomes its child.
//
// A server that has only a hook for what was said uses an [SMTPDialogue],
// [IMAPDialogue] or [POP3Dialogue], and gives it in order what the client sent and what
// the server answered.
//
// The wire is the truth: a command ends with the reply that the server gave. What can
// no longer be understood is not guessed at: the session counts once in
// telemetry_unfollowed_sessions_total, and from then on only its end is recorded.
//
// Memory is bounded for each connection: lines by 2 KiB (IMAP: 8 KiB), what a client
// sends ahead by 64 KiB (POP3: 1024 commands), recipients of a message by 10,000
// addresses, IMAP commands in progress by 64. Bodies and literals are looked through for
// their end and are neither copied nor kept. No password is kept: of AUTH and
// AUTHENTICATE only the mechanism's name is looked at, and the user's name of PLAIN in IMAP.
package observe
