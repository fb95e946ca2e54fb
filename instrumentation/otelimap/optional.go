package otelimap

import (
	"github.com/emersion/go-imap/v2/imapserver"
)

//go:generate go run ./internal/combine/generate

// The optional interfaces of a session. go-imap tells them apart by type
// assertion, so that the wrapper must have exactly those that the backend's
// session has. imapserver.SessionIMAP4rev2 is NAMESPACE and MOVE together.
type (
	inNamespace      = imapserver.SessionNamespace
	inMove           = imapserver.SessionMove
	inSASL           = imapserver.SessionSASL
	inUnauthenticate = imapserver.SessionUnauthenticate
	inAppendLimit    = imapserver.SessionAppendLimit
)
