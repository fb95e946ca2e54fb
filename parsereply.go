package otelmail

import (
	"errors"
	"net/textproto"
	"strings"

	"github.com/rusmes/otelmail/internal/contain"
	"github.com/rusmes/otelmail/internal/smtpreply"
)

// ParseReply reads a reply of an SMTP or LMTP server as it stands on the wire, in
// one line or several, with or without line ends (RFC 5321 section 4.2). The code
// and the enhanced code (RFC 2034) are those of the last line; the texts of the
// lines are joined with "\n". It reports false for text that is no whole reply.
func ParseReply(text string) (Reply, bool) {
	var r Reply
	var texts []string
	whole := false
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		l, ok := smtpreply.Parse(strings.TrimSuffix(line, "\r"))
		if !ok || whole || l.Code < 200 || l.Code > 599 || r.Code != 0 && r.Code != l.Code {
			return Reply{}, false
		}
		r.Code, r.Enhanced, whole = l.Code, l.Enhanced, l.Last
		texts = append(texts, l.Text)
	}
	if !whole {
		return Reply{}, false
	}
	r.Text = strings.Join(texts, "\n")
	return r, true
}

// ReplyOf is what an error of an SMTP client stands for: the server's reply where
// the error is, or wraps, a [*textproto.Error], as those of net/smtp do; else why
// there was no reply, as [CauseOf] tells. nil is 250.
func ReplyOf(err error) Reply {
	if err == nil {
		return Reply{Code: 250}
	}
	var said *textproto.Error
	// The error's methods are somebody else's: they may panic.
	if contain.Call(func() { errors.As(err, &said) }) != nil || said == nil {
		return Reply{Cause: CauseOf(err)}
	}
	r := Reply{Code: said.Code}
	r.Enhanced, r.Text = smtpreply.Enhanced(said.Msg)
	return r
}
