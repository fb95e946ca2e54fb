package otelmail

import (
	"context"

	"github.com/rusmes/otelmail/catalog"
)

var (
	messageDirection = catalog.Label{Key: "direction", Values: []string{"in", "out"},
		Help: "in: from other servers, and by LMTP; out: from users, by submission"}

	messageSize = define(catalog.Metric{
		Name: "message_size_bytes", Kind: catalog.Histogram, Unit: "By",
		Help:    "Size of accepted messages as the client sent them, with the dots that DATA doubles; not of those whose size is not known",
		Rise:    "Bigger mail fills disks and queues sooner. A hump under the limit of size: users send what they can; refusals for too_large are in " + rejections.Name + ".",
		Labels:  []catalog.Label{messageDirection},
		Buckets: []float64{1e3, 1e4, 1e5, 1e6, 5e6, 1e7, 2.5e7, 5e7, 1e8},
	})
	messageRecipients = define(catalog.Metric{
		Name: "message_recipients", Kind: catalog.Histogram, Unit: "{recipient}",
		Help:    "Recipients of accepted messages",
		Rise:    "Submitted mail for many recipients at once: a mailing, or a stolen account that sends spam.",
		Labels:  []catalog.Label{messageDirection},
		Buckets: []float64{1, 2, 5, 10, 50, 100, 500},
	})
	connectionsLost = define(catalog.Metric{
		Name: "connections_lost_total", Kind: catalog.Counter, Unit: "{connection}",
		Help: "SMTP, LMTP and submission sessions that broke: inside a command, by a reset, a time-out, a failed handshake or a shutdown of ours",
		Rise: "At connect or helo: scanners. At data: messages are lost on the way and come again; a middlebox, a limit of size, or time-outs of ours. At tls: see " + tlsHandshakeFailures.Name + ".",
		Labels: []catalog.Label{{Key: "stage", Values: smtpStages,
			Help: "How far the session had come: its last command; connect before the first; idle after a message"}},
	})
)

// measure records the size of an accepted message and the number of its recipients, as far
// as they are known.
func (s *SMTP) measure(ctx context.Context, role SMTPRole, size int64, recipients int) {
	direction := 0
	if role == RoleSubmission {
		direction = 1
	}
	if size > 0 {
		s.sizes.recordValue(ctx, float64(size), direction)
	}
	if recipients > 0 {
		s.recipients.recordValue(ctx, float64(recipients), direction)
	}
}
