// Package convention is how the tables of spans and events say what each of them carries.
package convention

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// Level is how far one can rely on an attribute, as OpenTelemetry's requirement levels
// have it.
type Level uint8

// The levels.
const (
	Recommended Level = iota // where it is known
	Required                 // always
	Conditional              // always where the condition holds
	OptIn                    // where the operator has asked for it: with PrivacyFull
)

// String returns "recommended", "required", "conditionally_required" or "opt_in".
func (l Level) String() string {
	return [...]string{"recommended", "required", "conditionally_required", "opt_in"}[l]
}

// Use is an attribute of a span or an event.
type Use struct {
	Key   attribute.Key
	Level Level
	// When is the condition, for a page: a sentence without a full stop. Conditional
	// attributes have one, others may.
	When string
}

// Always are attributes that are always there.
func Always(keys ...attribute.Key) []Use { return uses(Required, "", keys) }

// Where are attributes that are there where the condition holds.
func Where(condition string, keys ...attribute.Key) []Use {
	return uses(Conditional, condition, keys)
}

// Known are attributes that are there where they are known.
func Known(keys ...attribute.Key) []Use { return uses(Recommended, "", keys) }

// KnownWhere are attributes that are there where they are known and the condition holds.
func KnownWhere(condition string, keys ...attribute.Key) []Use {
	return uses(Recommended, condition, keys)
}

// OnRequest are attributes that name a person or are a stranger's text.
func OnRequest(keys ...attribute.Key) []Use { return uses(OptIn, "", keys) }

func uses(l Level, when string, keys []attribute.Key) []Use {
	all := make([]Use, len(keys))
	for i, key := range keys {
		all[i] = Use{key, l, when}
	}
	return all
}

// Find returns the use of a key, and whether there is one.
func Find(all []Use, key attribute.Key) (Use, bool) {
	i := slices.IndexFunc(all, func(u Use) bool { return u.Key == key })
	if i < 0 {
		return Use{}, false
	}
	return all[i], true
}
