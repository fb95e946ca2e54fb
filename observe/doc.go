// Package observe records what a mail server does from what passes over its
// connections, whatever library the server is built on: every command, reply,
// refusal, login, message and session, counted exactly and traced, in plaintext,
// after STARTTLS and under implicit TLS alike.
//
// A server that owns its connections adds one line:
//
//	conn := observe.SMTP(tel, nc) // and uses conn in place of nc; likewise IMAP, POP3
//
// It is a [net.Conn] that changes and delays nothing. With implicit TLS give
// it the *tls.Conn; after STARTTLS go on with what its Upgrade returns. Context is
// that of the command in progress, so that a handler's work becomes its child.
//
// A server that has only a hook for what was said uses an [SMTPDialogue],
// [IMAPDialogue] or [POP3Dialogue] instead, and tells it in order what the client sent
// and what the server answered.
//
// The wire is the truth: a command ends with the reply that the server gave. What can
// no longer be understood is not guessed at: the session counts once in
// telemetry_unfollowed_sessions_total, and then with its end alone. Memory is bounded
// for each connection: lines by 2 KiB (8 KiB in IMAP), what a client sends ahead by 64
// KiB (1,000 commands in POP3), recipients of a message by 10,000 addresses. Bodies are looked through for their end and are
// neither copied nor kept; nothing of AUTH but the mechanism's name is looked at.
package observe
