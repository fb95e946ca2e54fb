package life

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/rusmes/otelmail/mailconv"
)

// term is what events are found by: an attribute that has a value, or one of the two below.
type term struct {
	key   attribute.Key
	value string
}

const (
	traceTerm attribute.Key = "trace" // its 16 bytes
	nameTerm  attribute.Key = "event" // of failures alone
)

// termKeys are the attributes that events are found by.
var termKeys = []attribute.Key{semconv.MessagingMessageIDKey, mailconv.MessageIDKey,
	mailconv.FromHashKey, mailconv.ToHashKey, semconv.UserHashKey}

// failures are the events that say that something has gone wrong.
var failures = map[string]bool{
	mailconv.EventRejected: true, mailconv.EventDeferred: true, mailconv.EventFailed: true,
	mailconv.EventBounced: true, mailconv.EventExpired: true, mailconv.EventLoginFailed: true,
}

// terms calls found with each term that the event is to be found by.
func (e *event) terms(found func(term)) {
	for _, key := range termKeys {
		if value := e.text(key); value != "" {
			found(term{key, value})
		}
	}
	if e.trace.IsValid() {
		found(term{traceTerm, string(e.trace[:])})
	}
	if failures[e.name] {
		found(term{nameTerm, e.name})
	}
}

// hash is FNV-1a: what has the same hash is compared.
func (t term) hash() uint32 {
	h := uint32(2166136261)
	for _, s := range [2]string{string(t.key), t.value} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		h *= 16777619
	}
	return h
}
