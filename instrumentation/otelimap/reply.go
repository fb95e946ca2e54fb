package otelimap

import (
	"errors"

	"github.com/emersion/go-imap/v2"

	"github.com/rusmes/otelmail"
)

// reply is how a command ended.
type reply struct {
	result otelmail.IMAPResult
	code   string         // the response code
	cause  otelmail.Cause // if there was no reply, or a panic was behind it
}

func (r reply) end(cmd otelmail.IMAPCommand) {
	if r.cause != otelmail.CauseNone {
		cmd.End(r.result, r.cause)
		return
	}
	cmd.EndCode(r.result, r.code)
}

// replyTo is what go-imap answers when a session's method returns an error: what
// an imap.Error says, wrapped or not, and for any other error NO.
func replyTo(err error) reply {
	e, ok := errors.AsType[*imap.Error](err)
	if !ok {
		return reply{result: otelmail.IMAPNo, code: string(imap.ResponseCodeServerBug)}
	}
	if e == nil { // go-imap panics on it
		return reply{result: otelmail.IMAPBroken, cause: otelmail.CausePanic}
	}
	return reply{result: resultOf(string(e.Type)), code: string(e.Code)}
}

// resultOf is the result that a tagged reply gives. BYE and whatever else a
// backend may have go-imap write there is no success: it counts as NO.
func resultOf(word string) otelmail.IMAPResult {
	switch imap.StatusResponseType(word) {
	case imap.StatusResponseTypeOK:
		return otelmail.IMAPOK
	case imap.StatusResponseTypeBad:
		return otelmail.IMAPBad
	}
	return otelmail.IMAPNo
}
