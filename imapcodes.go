package otelmail

import "strings"

// imapCodes are the response codes that a NO or BAD may carry: RFC 9051 section
// 7.1 (with those of RFC 5530), and those of METADATA (RFC 5464), APPENDLIMIT
// (RFC 7889) and CONDSTORE (RFC 7162). A backend may put any text there, so that
// the set has to be closed.
var imapCodes = map[string]bool{
	"ALERT": true, "ALREADYEXISTS": true, "AUTHENTICATIONFAILED": true,
	"AUTHORIZATIONFAILED": true, "BADCHARSET": true, "CANNOT": true, "CLIENTBUG": true,
	"CONTACTADMIN": true, "CORRUPTION": true, "EXPIRED": true, "EXPUNGEISSUED": true,
	"HASCHILDREN": true, "INUSE": true, "LIMIT": true,
	"METADATA": true, "MODIFIED": true, "NONEXISTENT": true, "NOPERM": true,
	"NOPRIVATE": true, "NOTSAVED": true, "OVERQUOTA": true, "PARSE": true,
	"PRIVACYREQUIRED": true, "SERVERBUG": true, "TOOBIG": true, "TOOMANY": true,
	"TRYCREATE": true, "UIDNOTSTICKY": true, "UNAVAILABLE": true, "UNKNOWN-CTE": true,
}

// knownIMAPCode returns a code in upper case, "" for one that is not known.
func knownIMAPCode(code string) string {
	if code == "" {
		return ""
	}
	code, _, _ = strings.Cut(code[:min(len(code), maxIMAPCode)], " ")
	if code = strings.ToUpper(code); imapCodes[code] {
		return code
	}
	return ""
}

// maxIMAPCode is more than the longest known code has: no need to look further.
const maxIMAPCode = 32
