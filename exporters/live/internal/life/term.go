package life

import (
	"slices"

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

// hash is FNV-1a of the value alone, so that one look finds it as whatever it stands there: what
// has the same hash is compared.
func (t term) hash() uint32 {
	h := uint32(2166136261)
	for i := range len(t.value) {
		h = (h ^ uint32(t.value[i])) * 16777619
	}
	return h
}

// hashesOf are those of terms, each once.
func hashesOf(terms []term) []uint32 {
	hashes := make([]uint32, 0, len(terms))
	for _, t := range terms {
		if h := t.hash(); !slices.Contains(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	return hashes
}
