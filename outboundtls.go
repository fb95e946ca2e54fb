package otelmail

import (
	"crypto/x509"
	"errors"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/count"
	"github.com/rusmes/otelmail/mailconv"
)

var (
	outboundTLSTotal = define(catalog.Metric{
		Name: "outbound_tls_total", Kind: catalog.Counter, Unit: "{attempt}",
		Help: "Attempts to deliver over SMTP, by what they asked of TLS and what came of it; those that got neither to TLS nor to the message are not counted",
		Rise: "failed under dane, mta-sts or required: mail is held back, by a certificate that has ended there or by somebody in between. plaintext under opportunistic: mail is sent in clear; see " + plaintextFallback.Name + ".",
		Labels: []catalog.Label{
			{Key: "policy", Values: tlsPolicies[:], Help: "Plaintext only; TLS where the other side offers it (RFC 7435); authenticated by a TLSA record (RFC 7672); by an MTA-STS policy (RFC 8461); by a rule of our own; or not said"},
			{Key: "result", Values: []string{"encrypted", "plaintext", "failed"}, Help: "The handshake succeeded; the message was delivered without TLS; TLS failed, and the message was not delivered"},
		},
	})
	plaintextFallback = define(catalog.Metric{
		Name: "plaintext_fallback_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages delivered in plaintext to a server whose TLS had failed",
		Rise: "Somebody strips TLS on the way, or a large destination has broken it. The delivery spans name the server.",
	})
	tlsrptSessions = define(catalog.Metric{
		Name: "tlsrpt_sessions_total", Kind: catalog.Counter, Unit: "{session}",
		Help: "SMTP sessions with other servers, by what a TLS report says of them (RFC 8460)",
		Rise: "certificate-*: the other side has to renew or repair its certificate, unless all fail at once: then our roots or our clock are wrong. starttls-not-supported where it was offered before: somebody strips it. sts-policy-*: their policy cannot be had; dnssec-invalid, tlsa-invalid: their DNS, or our resolver.",
		Labels: []catalog.Label{{Key: "type", Values: tlsrptTypes(),
			Help: "The result type of RFC 8460 section 4.3, validation-failure for all that has none of its own; or success"}},
	})
)

// tlsPolicies are those of [mailconv.TLSPolicy]; the last stands for one that is not said.
var tlsPolicies = [...]string{"none", "opportunistic", "required", "dane", "mta-sts", "other"}

// The positions of the results.
const (
	tlsEncrypted = iota
	tlsPlaintext
	tlsBroken
)

func tlsrptTypes() []string {
	types := []string{"success"}
	for f := mailconv.StartTLSNotSupported; f.String() != ""; f++ {
		types = append(types, f.String())
	}
	return types
}

// outboundTLS counts what TLS was like on the way out.
type outboundTLS struct {
	results  labelledCounter
	fallback *count.Counter
	sessions []*count.Counter
}

func newOutboundTLS(b *binder) outboundTLS {
	return outboundTLS{b.labelledCounter(outboundTLSTotal), b.counter(plaintextFallback), b.counters(tlsrptSessions)}
}

// ended counts an attempt over SMTP.
func (t *outboundTLS) ended(a *attempt, outcome Outcome, r *Reply) {
	if t.sessions == nil {
		return
	}
	policy := int(a.policy) - 1 // -1, for none that is said, is the last
	failed := a.tlsFailed.Load()
	switch {
	case a.encrypted.Load():
		t.sessions[0].Add(1)
		t.results.add(1, policy, tlsEncrypted)
	case outcome == OutcomeDelivered:
		t.results.add(1, policy, tlsPlaintext)
		if failed {
			t.fallback.Add(1)
		}
	case failed || r.Cause == CauseTLSHandshake:
		t.results.add(1, policy, tlsBroken)
	}
}

// TLSFailed notes a session with another server that did not get the TLS that was asked
// for: the handshake failed, STARTTLS was not offered or refused, or the policy could not
// be met. It counts in tlsrpt_sessions_total with the result type of why, and the attempt
// in outbound_tls_total and plaintext_fallback_total as it ends. [TLSFailureOf] tells why
// for errors of handshakes, and err is that error, for tls_handshake_failures_total: nil
// where there was no handshake. Only attempts by [TransportSMTP] count.
func (o Delivering) TLSFailed(why mailconv.TLSFailure, err error) {
	if o.attempt == nil || o.attempt.transport != TransportSMTP {
		return
	}
	if err != nil {
		o.delivery.handshakes.broke(err)
	}
	if why.String() == "" {
		why = mailconv.ValidationFailure
	}
	o.attempt.tlsFailed.Store(true)
	if t := &o.delivery.tls; t.sessions != nil {
		t.sessions[why].Add(1)
	}
	if o.Recording() {
		o.delivery.tracer.describe(o.span).add(mailconv.TLSFailureKey.String(why.String())).set()
	}
}

// TLSFailureOf is the result type of RFC 8460 for the error of a TLS handshake:
// [mailconv.CertificateHostMismatch], [mailconv.CertificateExpired],
// [mailconv.CertificateNotTrusted], else [mailconv.ValidationFailure]; 0 for nil. The
// other types no error of package crypto/tls tells.
func TLSFailureOf(err error) mailconv.TLSFailure {
	var (
		hostname x509.HostnameError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &hostname):
		return mailconv.CertificateHostMismatch
	case errors.As(err, &unknown):
		return mailconv.CertificateNotTrusted
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return mailconv.CertificateExpired
	case errors.As(err, &invalid):
		return mailconv.CertificateNotTrusted
	}
	return mailconv.ValidationFailure
}
