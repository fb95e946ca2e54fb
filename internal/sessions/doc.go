// Package sessions finds out whether what a mail server counts is true. It talks to
// the server as many clients do and as none should, remembers every byte of both
// sides, reads from them what must have been counted, and compares.
//
// A script is what one client says: made from a seed, so that it can be said again.
// It is valid, or not, or hostile; it is said command by command, all at once or byte
// by byte, in plaintext, behind STARTTLS or STLS, or inside TLS from the start; and
// it ends politely, in the middle of something, or with a reset.
//
// What was said is read afterwards, whole, by a reader that is as simple as its
// protocol allows (smtp_truth.go, pop3_truth.go, imap_truth.go) and shares no code with
// what is tested. Another protocol is a script and a reader more: see [Protocol].
//
// A [Proxy] reads in the same way what real clients say.
package sessions
