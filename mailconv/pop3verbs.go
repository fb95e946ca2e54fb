package mailconv

// POP3Verb is a POP3 command. The zero value stands for every command that is
// not known.
type POP3Verb uint8

// The commands of RFC 1939, RFC 2449 (CAPA), RFC 2595 (STLS) and RFC 5034 (AUTH).
const (
	POP3Other POP3Verb = iota
	POP3User
	POP3Pass
	POP3Apop
	POP3Auth
	POP3Stat
	POP3List
	POP3Retr
	POP3Dele
	POP3Noop
	POP3Rset
	POP3Quit
	POP3Top
	POP3Uidl
	POP3Capa
	POP3Stls
)

var pop3Verbs = names{other, "USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "RETR", "DELE",
	"NOOP", "RSET", "QUIT", "TOP", "UIDL", "CAPA", "STLS"}

// String returns the command in upper case, "_OTHER" for an unknown one.
func (v POP3Verb) String() string { return pop3Verbs.at(int(v)) }

// ParsePOP3Verb returns the command of a line's first word, in any case.
func ParsePOP3Verb(word string) POP3Verb { return POP3Verb(pop3Verbs.find(word)) }
