package integration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// given stands for an attribute whose value differs from run to run.
type given struct{}

// wantedSpan is a span of a message's trace, with exactly these attributes.
type wantedSpan struct {
	lineage string // the names of its ancestors and its own, the eldest first
	kind    string
	status  string // unset, or error
	has     map[string]any
}

const (
	dataSpan    = "SMTP session > SMTP DATA"
	enqueueSpan = dataSpan + " > queue enqueue"
	dequeueSpan = enqueueSpan + " > queue dequeue"
	processSpan = dequeueSpan + " > mail process"
	deliverSpan = dequeueSpan + " > deliver smtp"
)

// with adds attributes to others.
func with(base map[string]any, more map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, base)
	maps.Copy(all, more)
	return all
}

// deferredTrace is, by docs/spans.md, the trace of a message that the user submits and the
// other server defers twice.
func deferredTrace() []wantedSpan {
	message := map[string]any{
		"messaging.message.id": given{}, "messaging.message.body.size": given{}, "email.message_id": given{},
		"email.direction": "outbound", "email.from.domain": "example.org", "email.from.hash": given{},
		"email.to.domain": "slow.example", "email.to.hash": given{},
	}
	tls := map[string]any{"tls.established": true, "tls.resumed": false, "tls.protocol.version": "1.3", "tls.cipher": given{}}
	command := func(verb string, code int, enhanced string, more map[string]any) wantedSpan {
		has := with(more, map[string]any{"smtp.command": verb, "smtp.response.status_code": int64(code)})
		if enhanced != "" {
			has["smtp.response.enhanced_code"] = enhanced
		}
		return wantedSpan{"SMTP session > SMTP " + verb, "server", "unset", has}
	}
	stage := func(name string) wantedSpan {
		return wantedSpan{processSpan + " > mailet " + name, "internal", "unset",
			with(message, map[string]any{"email.stage.name": name, "email.stage.result": "continue"})}
	}
	dequeue := wantedSpan{dequeueSpan, "consumer", "unset", with(message, map[string]any{"email.queue.wait": given{}})}
	attempt := with(with(message, tls), map[string]any{
		"email.delivery.transport": "smtp", "email.recipient.domain": "slow.example", "email.tls.policy": "opportunistic",
		"network.protocol.name": "smtp", "server.address": "mx.remote.example",
		"network.peer.address": "127.0.0.1", "network.peer.port": given{},
	})
	deferred := func(n int) wantedSpan {
		return wantedSpan{deliverSpan, "client", "error", with(attempt, map[string]any{
			"email.delivery.attempt": int64(n), "email.delivery.outcome": "deferred", "email.delivery.reason": "system",
			"smtp.response.status_code": int64(451), "smtp.response.enhanced_code": "4.3.0", "error.type": "4.3.0",
		})}
	}
	who := map[string]any{"user.hash": given{}}
	return []wantedSpan{
		{"SMTP session", "internal", "unset", with(tls, map[string]any{
			"network.protocol.name": "smtp", "network.transport": "tcp", "smtp.role": "mx",
			"client.address": "127.0.0.1", "network.peer.address": "127.0.0.1",
			"server.address": "127.0.0.1", "server.port": given{},
		})},
		command("EHLO", 250, "", nil), // before STARTTLS
		command("STARTTLS", 220, "2.0.0", nil),
		command("EHLO", 250, "", nil), // and after it
		command("AUTH", 235, "2.0.0", with(who, map[string]any{"smtp.auth.mechanism": "PLAIN"})),
		command("MAIL", 250, "2.0.0", with(who, map[string]any{"email.from.domain": "example.org", "email.from.hash": given{}})),
		command("RCPT", 250, "2.0.0", with(who, map[string]any{"email.to.domain": "slow.example", "email.to.hash": given{}})),
		command("DATA", 250, "2.0.0", with(who, map[string]any{"smtp.recipient.count": int64(1), "messaging.message.id": given{}})),
		command("QUIT", 221, "2.0.0", nil),
		{enqueueSpan, "producer", "unset", message},
		dequeue, dequeue, dequeue, // one for each attempt
		{processSpan, "internal", "unset", with(message, map[string]any{"email.fate": "queued"})},
		stage("spam-filter"), stage("virus-scan"), stage("rate-limit"),
		deferred(1), deferred(2),
		{deliverSpan, "client", "unset", with(attempt, map[string]any{
			"email.delivery.attempt": int64(3), "email.delivery.outcome": "delivered", "smtp.response.status_code": int64(250),
		})},
	}
}

func TestAMessageIsOneTrace(t *testing.T) {
	t.Parallel()
	c := peer.StartCollector(t)
	d := startDemo(t, launch{env: pushTo(c, "grpc")})
	if err := d.submit(own, "defer-"+marker+"@slow.example"); err != nil {
		t.Fatal(err)
	}
	d.settled()
	d.stop()
	d.wantEmptyLog()

	spans := c.Traces()
	byID := spansByID(c)
	missing := deferredTrace()
	for _, span := range spans {
		if span.TraceID != spans[0].TraceID {
			t.Errorf("%s is in another trace", span.Name)
		}
		if span.End.Before(span.Start) || span.Start.IsZero() {
			t.Errorf("%s lasts from %v to %v", span.Name, span.Start, span.End)
		}
		var why error
		found := slices.IndexFunc(missing, func(want wantedSpan) bool {
			if want.lineage != lineage(byID, span) {
				return false
			}
			err := want.differs(span)
			why = errors.Join(why, err)
			return err == nil
		})
		if found < 0 {
			t.Errorf("unexpected: %s: %v", lineage(byID, span), why)
			continue
		}
		missing = slices.Delete(missing, found, found+1)
		wantLink(t, byID, span)
	}
	for _, want := range missing {
		t.Errorf("missing: %s %v", want.lineage, want.has)
	}
	wantSameMessage(t, spans)
}

// lineage is a span's name with those of its ancestors, the eldest first.
func lineage(spans map[spanID]peer.Span, span peer.Span) string {
	names := []string{span.Name}
	for span.ParentID != "" {
		parent, ok := spans[spanID{span.TraceID, span.ParentID}]
		if !ok {
			names = append(names, "?")
			break
		}
		span = parent
		names = append(names, span.Name)
	}
	slices.Reverse(names)
	return strings.Join(names, " > ")
}

// differs says how a span differs from the one that was wanted.
func (w wantedSpan) differs(got peer.Span) error {
	var all []error
	if got.Kind != w.kind || got.Status != w.status || got.StatusMessage != "" {
		all = append(all, fmt.Errorf("is %s with status %s %q, want %s with %s and no message", got.Kind, got.Status, got.StatusMessage, w.kind, w.status))
	}
	for key, want := range w.has {
		value, ok := got.Attributes[key]
		if !ok || want != (given{}) && value != want {
			all = append(all, fmt.Errorf("%s is %v, want %v", key, value, want))
		}
	}
	for key, value := range got.Attributes {
		if _, ok := w.has[key]; !ok {
			all = append(all, fmt.Errorf("%s is %v, want none", key, value))
		}
	}
	return errors.Join(all...)
}

// wantLink wants a span that takes a message from the queue, and no other, to
// be linked to the one that put it there.
func wantLink(t *testing.T, spans map[spanID]peer.Span, span peer.Span) {
	t.Helper()
	if span.Name != "queue dequeue" {
		if len(span.Links) > 0 {
			t.Errorf("%s has the links %v, want none", span.Name, span.Links)
		}
		return
	}
	if len(span.Links) != 1 || spans[spanID{span.Links[0].TraceID, span.Links[0].SpanID}].Name != "queue enqueue" {
		t.Errorf("%s has the links %v, want one to queue enqueue", span.Name, span.Links)
	}
}

// wantSameMessage wants every span of the message to have the same ids and hashes for it
// and its people.
func wantSameMessage(t *testing.T, spans []peer.Span) {
	t.Helper()
	for _, key := range []string{"messaging.message.id", "email.message_id", "email.from.hash", "email.to.hash", "user.hash"} {
		values := map[any]bool{}
		for _, span := range spans {
			if value, ok := span.Attributes[key]; ok {
				values[value] = true
			}
		}
		if len(values) != 1 {
			t.Errorf("%s has the values %v, want one", key, slices.Collect(maps.Keys(values)))
		}
	}
}
