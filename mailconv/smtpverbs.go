package mailconv

// SMTPVerb is an SMTP, LMTP or submission command. The zero value stands for
// every command that is not known.
type SMTPVerb uint8

// The commands of RFC 5321, RFC 2033 (LHLO), RFC 3030 (BDAT), RFC 3207
// (STARTTLS), RFC 4954 (AUTH) and RFC 4468 (BURL).
const (
	SMTPOther SMTPVerb = iota
	SMTPHelo
	SMTPEhlo
	SMTPLhlo
	SMTPMail
	SMTPRcpt
	SMTPData
	SMTPBdat
	SMTPBurl
	SMTPRset
	SMTPVrfy
	SMTPExpn
	SMTPHelp
	SMTPNoop
	SMTPQuit
	SMTPAuth
	SMTPStartTLS
)

var smtpVerbs = names{other, "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "BURL",
	"RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "AUTH", "STARTTLS"}

// String returns the verb in upper case, "_OTHER" for an unknown one.
func (v SMTPVerb) String() string { return smtpVerbs.at(int(v)) }

// ParseSMTPVerb returns the verb of a command line's first word, in any case.
func ParseSMTPVerb(word string) SMTPVerb { return SMTPVerb(smtpVerbs.find(word)) }
