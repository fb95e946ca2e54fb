package otelimap

import (
	"log"
	"strings"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
)

// logger learns from what imapserver logs why it hangs up.
type logger struct {
	imapserver.Logger
	*connection
}

func (s *Server) logger() imapserver.Logger {
	if s.options.Logger == nil {
		return log.Default()
	}
	return s.options.Logger
}

// Printf notes the cause before it logs: the connection is closed, or the command
// answered, afterwards.
func (l *logger) Printf(format string, args ...any) {
	d := l.dialogue.Load()
	switch {
	case d == nil:
	case strings.HasPrefix(format, "panic idling"):
		d.Cause(otelmail.CausePanic)
	case strings.HasPrefix(format, "panic"):
		l.cause.Store(uint32(otelmail.CausePanic))
	case strings.HasPrefix(format, "failed to read command"), strings.HasPrefix(format, "failed to write greeting"):
		if err, ok := args[len(args)-1].(error); ok {
			if cause := otelmail.CauseOf(err); cause != otelmail.CauseEOF { // the client has left
				l.cause.Store(uint32(cause))
			}
		}
	}
	l.Logger.Printf(format, args...)
}
