package life

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/mailconv"
)

// Step is one thing that has happened: an event, or an attempt from its beginning to its end.
// What is not known is "" or 0. What it says of people is as the privacy policy allows.
type Step struct {
	// Time is when it happened; of an attempt that has ended, when it began.
	Time time.Time `json:"time"`
	// Event is the event's name without "email.", see docs/events.md. An attempt that has
	// ended is "delivered", "deferred" or "failed", one that has not is "attempt".
	Event string `json:"event"`
	// Text is the step in words.
	Text string `json:"text"`
	// Waited is the time since the step before it of the same destination, or since the
	// message was queued, in seconds.
	Waited float64 `json:"waited_seconds,omitempty"`
	// Took is how long an attempt took, in seconds.
	Took float64 `json:"took_seconds,omitempty"`

	// InQueue is how long the message had been in the queue, in seconds.
	InQueue float64 `json:"in_queue_seconds,omitempty"`

	QueueID   string `json:"queue_id,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	TraceID   string `json:"trace_id,omitempty"` // 32 hexadecimal digits
	From      Party  `json:"from,omitzero"`
	To        Party  `json:"to,omitzero"` // where there is one recipient alone
	Client    string `json:"client,omitempty"`
	User      string `json:"user,omitempty"` // who has logged in, or tried to
	Helo      string `json:"helo,omitempty"`

	Protocol  string `json:"protocol,omitempty"`  // "smtp", "lmtp", "imap", "pop3", "jmap" or "local"
	Role      string `json:"role,omitempty"`      // of our listener: "mx", "submission" or "lmtp"
	Stage     string `json:"stage,omitempty"`     // of the dialogue, or of the pipeline
	Mechanism string `json:"mechanism,omitempty"` // of a login

	Attempt   int64  `json:"attempt,omitempty"`    // its number, from 1
	Domain    string `json:"domain,omitempty"`     // the destination of an attempt
	Host      string `json:"host,omitempty"`       // its server's name
	Peer      string `json:"peer,omitempty"`       // address and port that it was connected to
	TLSPolicy string `json:"tls_policy,omitempty"` // what it asks of TLS
	TLS       string `json:"tls,omitempty"`        // version and cipher suite

	Code      int64  `json:"code,omitempty"`       // of the reply
	Enhanced  string `json:"enhanced,omitempty"`   // status code of the reply
	Reply     string `json:"reply,omitempty"`      // its text
	Reason    string `json:"reason,omitempty"`     // why, see docs/fault.md
	Fault     string `json:"fault,omitempty"`      // "ours" or "theirs"
	ErrorType string `json:"error_type,omitempty"` // see docs/spans.md

	Size       int64 `json:"size,omitempty"`       // bytes
	Recipients int64 `json:"recipients,omitempty"` // how many
}

// Party is a sender or recipient, as the privacy policy shows it.
type Party struct {
	Domain  string `json:"domain,omitempty"`
	Hash    string `json:"hash,omitempty"`
	Address string `json:"address,omitempty"`
}

func (p Party) orElse(q Party) Party {
	if p == (Party{}) {
		return q
	}
	return p
}

func partyOf(e *event, keys mailconv.AddressKeys) Party {
	return Party{Domain: e.text(keys.Domain), Hash: e.text(keys.Hash), Address: e.text(keys.Address)}
}

// eventName is the name as it is shown.
func eventName(e *event) string { return strings.TrimPrefix(e.name, "email.") }

// stepOf is a step of one event.
func stepOf(e *event) Step {
	s := Step{
		Time: e.time, Event: eventName(e),
		QueueID: e.text(semconv.MessagingMessageIDKey), MessageID: e.text(mailconv.MessageIDKey),
		From: partyOf(e, mailconv.From()), To: partyOf(e, mailconv.To()),
		Client: e.text(semconv.ClientAddressKey), Helo: e.text(mailconv.SMTPHeloKey),
		User:     cmp.Or(e.text(semconv.UserIDKey), e.text(semconv.UserHashKey)),
		Protocol: e.text(semconv.NetworkProtocolNameKey), Role: e.text(mailconv.SMTPRoleKey),
		Stage:     cmp.Or(e.text(mailconv.RejectionStageKey), e.text(mailconv.StageNameKey)),
		Mechanism: e.text(mailconv.LoginMechanismKey),
		Code:      e.int(mailconv.SMTPStatusCodeKey), Enhanced: e.text(mailconv.SMTPEnhancedCodeKey),
		Reply:  e.text(mailconv.SMTPResponseTextKey),
		Reason: cmp.Or(e.text(mailconv.RejectionReasonKey), e.text(mailconv.ReasonKey)),
		Fault:  e.text(mailconv.FaultKey), ErrorType: e.text(semconv.ErrorTypeKey),
		TLS:     strings.TrimSpace(e.text(semconv.TLSProtocolVersionKey) + " " + e.text(semconv.TLSCipherKey)),
		InQueue: e.seconds(mailconv.QueueWaitKey),
		Size:    e.int(semconv.MessagingMessageBodySizeKey), Recipients: e.int(mailconv.SMTPRecipientCountKey),
	}
	if e.trace.IsValid() {
		s.TraceID = e.trace.String()
	}
	if s.Attempt = e.int(mailconv.AttemptKey); s.Attempt > 0 {
		s.Protocol = cmp.Or(s.Protocol, e.text(mailconv.TransportKey))
		s.Domain, s.Host = e.text(mailconv.RecipientDomainKey), e.text(semconv.ServerAddressKey)
		s.TLSPolicy = e.text(mailconv.TLSPolicyKey)
		s.Peer = e.text(semconv.NetworkPeerAddressKey)
		if port := e.int(semconv.NetworkPeerPortKey); port > 0 {
			s.Peer = net.JoinHostPort(s.Peer, strconv.FormatInt(port, 10))
		}
	}
	s.Text = s.words()
	return s
}

// destination tells the destinations of a message apart: another server by its domain, a
// mailbox by its address.
func (s *Step) destination() string {
	if s.Protocol == "local" || s.Protocol == "lmtp" {
		return cmp.Or(s.To.Hash, s.Domain, s.Host)
	}
	return cmp.Or(s.Domain, s.Host, s.To.Hash)
}

// whither names the destination of an attempt in a sentence.
func (s *Step) whither() string {
	switch {
	case s.Protocol == "local" && s.Domain != "":
		return "a mailbox at " + s.Domain
	case s.Protocol == "local":
		return "a mailbox"
	}
	return cmp.Or(s.Domain, s.Host, "another server")
}
