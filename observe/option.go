package observe

import "github.com/rusmes/otelmail"

// SMTPOption configures [SMTP] and [NewSMTPDialogue].
type SMTPOption interface{ apply(*smtpConfig) }

type smtpConfig struct{ role otelmail.SMTPRole }

// SMTPRole says what the server is for: smtp.role on the spans. Default
// [otelmail.RoleMX].
func SMTPRole(role otelmail.SMTPRole) SMTPOption {
	return option[smtpConfig](func(c *smtpConfig) { c.role = role })
}

// IMAPOption configures [IMAP] and [NewIMAPDialogue].
type IMAPOption interface{ apply(*imapConfig) }

type imapConfig struct {
	user         func(name string) string
	inOrder      bool
	decompressed bool
}

// IMAPUser names the user who has just logged in, given the name that LOGIN or
// AUTHENTICATE PLAIN was given: "" for another mechanism, and for a session that is
// authenticated from its greeting on. The name appears on the spans of later commands as
// the privacy policy allows, "" for none. It is called once for each success, in the
// goroutine that writes the reply, and a panic in it counts as "". Default: the name given.
func IMAPUser(user func(name string) string) IMAPOption {
	return option[imapConfig](func(c *imapConfig) { c.user = user })
}

// IMAPInOrder says that the server answers one command after the other. A command that
// it passes over then ends without a reply, which is an error. Default: replies come in
// any order (RFC 9051 section 5.5).
func IMAPInOrder() IMAPOption {
	return option[imapConfig](func(c *imapConfig) { c.inOrder = true })
}

// IMAPDecompressed says that what is observed after COMPRESS (RFC 4978) is
// decompressed. Default: what follows COMPRESS is not understood, and the session
// counts in telemetry_unfollowed_sessions_total.
func IMAPDecompressed() IMAPOption {
	return option[imapConfig](func(c *imapConfig) { c.decompressed = true })
}

type option[C any] func(*C)

func (f option[C]) apply(c *C) { f(c) }

func configOf[C any, O interface{ apply(*C) }](opts []O) (c C) {
	for _, o := range opts {
		if any(o) != nil {
			o.apply(&c)
		}
	}
	return c
}
