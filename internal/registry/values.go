package registry

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/internal/jmapmethod"
	"github.com/rusmes/otelmail/internal/refusal"
	"github.com/rusmes/otelmail/mailconv"
)

// values is what an attribute can be.
type values struct {
	Type string
	Set  []string // the closed set of a string; nil for an open one
}

var (
	text   = values{Type: typeString}
	number = values{Type: typeInt}
	truth  = values{Type: typeBoolean}
)

func oneOf(set ...string) values { return values{typeString, set} }

// ours are the attributes of package mailconv, whose comments say what they are. The closed
// sets are those of the Go types.
var ours = map[attribute.Key]values{
	mailconv.MessageIDKey:          text,
	mailconv.DirectionKey:          oneOf(members(mailconv.Inbound)...),
	mailconv.StageNameKey:          text,
	mailconv.StageResultKey:        oneOf(members(otelmail.StageContinue)...),
	mailconv.FateKey:               oneOf(members(otelmail.FateDelivered)...),
	mailconv.TransportKey:          oneOf(members(otelmail.TransportSMTP)...),
	mailconv.OutcomeKey:            oneOf(members(otelmail.OutcomeDelivered)...),
	mailconv.ReasonKey:             oneOf(refusal.Reasons()...),
	mailconv.AttemptKey:            number,
	mailconv.RecipientDomainKey:    text,
	mailconv.TLSPolicyKey:          oneOf(members(mailconv.TLSNone)...),
	mailconv.TLSFailureKey:         oneOf(members(mailconv.StartTLSNotSupported)...),
	mailconv.QueueWaitKey:          {Type: typeDouble},
	mailconv.PushFinalKey:          truth,
	mailconv.FaultKey:              oneOf(refusal.Ours, refusal.Theirs),
	mailconv.RejectionStageKey:     oneOf(label("stage", "role")...),
	mailconv.RejectionReasonKey:    oneOf(refusal.Reasons()...),
	mailconv.LoginMechanismKey:     oneOf(label("mechanism", "protocol")...),
	mailconv.LoginResultKey:        oneOf(without(label("result", "mechanism"), "success")...),
	mailconv.FromAddressKey:        text,
	mailconv.FromDomainKey:         text,
	mailconv.FromHashKey:           text,
	mailconv.ToAddressKey:          text,
	mailconv.ToDomainKey:           text,
	mailconv.ToHashKey:             text,
	mailconv.IMAPCommandKey:        oneOf(members(mailconv.IMAPOther)...),
	mailconv.IMAPStatusKey:         oneOf(members(otelmail.IMAPBroken)...),
	mailconv.IMAPStateKey:          oneOf(members(mailconv.IMAPNotAuthenticated)...),
	mailconv.IMAPMailboxKey:        text,
	mailconv.POP3CommandKey:        oneOf(members(mailconv.POP3Other)...),
	mailconv.POP3StatusKey:         oneOf("ok", "err"),
	mailconv.JMAPMethodKey:         oneOf(jmapmethod.Names...),
	mailconv.JMAPCallIDKey:         text,
	mailconv.JMAPAccountIDKey:      text,
	mailconv.JMAPRequestIDKey:      text,
	mailconv.SMTPCommandKey:        oneOf(members(mailconv.SMTPOther)...),
	mailconv.SMTPStatusCodeKey:     number,
	mailconv.SMTPEnhancedCodeKey:   text,
	mailconv.SMTPResponseTextKey:   text,
	mailconv.SMTPRoleKey:           oneOf(members(otelmail.RoleMX)...),
	mailconv.SMTPRecipientCountKey: number,
	// Of the label's, those that SASL has.
	mailconv.SMTPAuthMechanismKey: oneOf(without(label("mechanism", "protocol"), "PASS", "APOP", "Basic", "Bearer")...),
	mailconv.SMTPHeloKey:          text,
}

// members are the names of a type's values from the first on. Behind the last there is none,
// or one that was there: _OTHER.
func members[T interface {
	~uint8
	String() string
}](first T) (names []string) {
	for v := first; ; v++ {
		name := v.String()
		if name == "" || slices.Contains(names, name) {
			return names
		}
		names = append(names, name)
	}
}

// label are the values of a label of the series that has another one beside it.
func label(key, beside string) []string {
	for _, m := range otelmail.Catalog() {
		var set []string
		found := false
		for _, l := range m.Labels {
			if l.Key == key {
				set = l.Values
			}
			found = found || l.Key == beside
		}
		if found && set != nil {
			return set
		}
	}
	return nil
}

func without(set []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(set), func(s string) bool { return slices.Contains(some, s) })
}
