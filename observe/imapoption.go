package observe

// IMAPOption configures [IMAP] and [NewIMAPDialogue].
type IMAPOption func(*imapConfig)

type imapConfig struct {
	user         func(name string) string
	inOrder      bool
	decompressed bool
}

// IMAPUser names the user who has just logged in, given the name that LOGIN or
// AUTHENTICATE PLAIN was given, "" where another mechanism was used or the session
// is authenticated from the beginning; the name appears on spans as the privacy
// policy allows. It is called once for each success, and a panic of it names
// nobody. Default: the name given.
func IMAPUser(user func(name string) string) IMAPOption {
	return func(c *imapConfig) { c.user = user }
}

// IMAPInOrder says that the server answers one command after the other. One that is
// passed over then ends without a reply, as broken. Default: replies come in any
// order (RFC 9051 section 5.5).
func IMAPInOrder() IMAPOption { return func(c *imapConfig) { c.inOrder = true } }

// IMAPDecompressed says that after COMPRESS (RFC 4978) what is given is what the
// two sides say, decompressed. Default: the dialogue ends being followed there, and
// counts in telemetry_unfollowed_sessions_total.
func IMAPDecompressed() IMAPOption { return func(c *imapConfig) { c.decompressed = true } }

// named calls the application's function: it serves telemetry alone, and its panic
// must not cost a client the connection.
func (c *imapConfig) named(name string) (user string) {
	defer func() {
		if recover() != nil {
			user = ""
		}
	}()
	return c.user(name)
}
