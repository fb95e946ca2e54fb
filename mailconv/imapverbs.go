package mailconv

// IMAPVerb is an IMAP command. The zero value stands for every command that is
// not known.
type IMAPVerb uint8

// The commands of RFC 9051 and its predecessors, and of the common extensions.
const (
	IMAPOther IMAPVerb = iota
	IMAPCapability
	IMAPNoop
	IMAPLogout
	IMAPStartTLS
	IMAPAuthenticate
	IMAPLogin
	IMAPEnable
	IMAPSelect
	IMAPExamine
	IMAPCreate
	IMAPDelete
	IMAPRename
	IMAPSubscribe
	IMAPUnsubscribe
	IMAPList
	IMAPLsub
	IMAPNamespace
	IMAPStatus
	IMAPAppend
	IMAPIdle
	IMAPCheck
	IMAPClose
	IMAPUnselect
	IMAPExpunge
	IMAPSearch
	IMAPSort
	IMAPThread
	IMAPFetch
	IMAPStore
	IMAPCopy
	IMAPMove
	IMAPID
	IMAPUnauthenticate
	IMAPGetQuota
	IMAPGetQuotaRoot
	IMAPGetACL
	IMAPMyRights
	IMAPGetMetadata
	IMAPSetMetadata
)

var imapVerbs = names{other, "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN",
	"ENABLE", "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST",
	"LSUB", "NAMESPACE", "STATUS", "APPEND", "IDLE", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH",
	"SORT", "THREAD", "FETCH", "STORE", "COPY", "MOVE", "ID", "UNAUTHENTICATE", "GETQUOTA",
	"GETQUOTAROOT", "GETACL", "MYRIGHTS", "GETMETADATA", "SETMETADATA"}

// String returns the command in upper case, "_OTHER" for an unknown one.
func (v IMAPVerb) String() string { return imapVerbs.at(int(v)) }

// ParseIMAPVerb returns the command of a name in any case, without "UID ".
func ParseIMAPVerb(name string) IMAPVerb { return IMAPVerb(imapVerbs.find(name)) }
