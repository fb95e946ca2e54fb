package otelsmtp

import (
	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
)

// What go-smtp answers, when it is not told what.
var (
	failed     = otelmail.Reply{Code: 451, Enhanced: otelmail.EnhancedCode{4, 0, 0}}
	authFailed = otelmail.Reply{Code: 454, Enhanced: otelmail.EnhancedCode{4, 7, 0}}
	dataFailed = otelmail.Reply{Code: 554, Enhanced: otelmail.EnhancedCode{5, 0, 0}, Text: "Error: transaction failed: "}
	panicked   = otelmail.Reply{Code: 421, Enhanced: otelmail.EnhancedCode{4, 0, 0}, Cause: otelmail.CausePanic}
	done       = otelmail.Reply{Code: 250, Enhanced: otelmail.EnhancedCode{2, 0, 0}}
)

// commandReply is the reply to MAIL and RCPT.
func commandReply(err error, cmd otelmail.SMTPCommand) otelmail.Reply {
	if err == nil {
		return done
	}
	return refusal(err, failed, cmd)
}

// dataReply is the reply to DATA and BDAT.
func dataReply(err error, cmd otelmail.SMTPCommand) otelmail.Reply {
	if err == nil {
		return done
	}
	return refusal(err, dataFailed, cmd)
}

// refusal is the reply that go-smtp writes for an error: what an SMTPError says,
// for any other error the given one with the error's text. Wrapped SMTPErrors
// are "any other" to go-smtp, so no errors.As here.
func refusal(err error, other otelmail.Reply, cmd otelmail.SMTPCommand) otelmail.Reply {
	e, ok := err.(*smtp.SMTPError) //nolint:errorlint // go-smtp asserts like this: a wrapped one is not what goes over the wire
	if !ok {
		if cmd.Span().IsRecording() { // the text is for spans alone
			other.Text += err.Error()
		}
		return other
	}
	if e == nil { // go-smtp panics on it
		return panicked
	}
	r := otelmail.Reply{Code: e.Code, Text: e.Message}
	switch e.EnhancedCode {
	case smtp.NoEnhancedCode:
	case smtp.EnhancedCodeNotSet:
		if class := e.Code / 100; class == 2 || class == 4 || class == 5 {
			r.Enhanced = otelmail.EnhancedCode{class, 0, 0}
		}
	default:
		r.Enhanced = otelmail.EnhancedCode(e.EnhancedCode)
	}
	return r
}
