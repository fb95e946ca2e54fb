package otelmailtest

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// Record is a mail event, or a line of the log as it leaves.
type Record struct {
	*sdklog.Record
	t testing.TB
}

// Has asserts that the record has these attributes, whatever others it has.
func (r Record) Has(want Attributes) {
	r.t.Helper()
	want.has(r.t, r.String(), attributesOf(r.Record), false)
}

// HasOnly asserts that the record has these attributes and no others.
func (r Record) HasOnly(want Attributes) {
	r.t.Helper()
	want.has(r.t, r.String(), attributesOf(r.Record), true)
}

// String is the name of the event, or the level and the text of a line of the log.
func (r Record) String() string {
	if name := r.EventName(); name != "" {
		return name
	}
	return r.Severity().String() + " " + r.Body().String()
}

func attributesOf(r *sdklog.Record) (all []attribute.KeyValue) {
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		all = append(all, kv)
		return true
	})
	return all
}

// Events asserts that the mail events since the mark have these names, in this order.
// docs/events.md lists them.
func (r *record) Events(names ...string) {
	r.t.Helper()
	r.lists("mail events", isEvent, names)
}

// Event waits for the mail event of that name, and ends the test unless there is exactly one
// since the mark.
func (r *record) Event(name string) Record {
	r.t.Helper()
	return r.one("mail events", isEvent, name)
}

// Logs asserts that these lines of the log have left since the mark, in this order: what the
// server has logged by Telemetry.Logger, each with its level, such as "WARN the disk is full".
// What is for the local log alone, or below the level of the export, does not leave.
func (r *record) Logs(lines ...string) {
	r.t.Helper()
	r.lists("lines of the log", isLine, lines)
}

// Log waits for that line of the log, as Logs has it, and ends the test unless there is exactly
// one since the mark.
func (r *record) Log(line string) Record {
	r.t.Helper()
	return r.one("lines of the log", isLine, line)
}

func isEvent(r Record) bool { return r.EventName() != "" }
func isLine(r Record) bool  { return !isEvent(r) }

// ofSort are the records of a sort since the mark.
func (r *record) ofSort(sort func(Record) bool) (all []Record, texts []string) {
	_, records := r.all()
	for _, record := range records[r.mark.records:] {
		if one := (Record{&record, r.t}); sort(one) {
			all = append(all, one)
			texts = append(texts, one.String())
		}
	}
	return all, texts
}

func (r *record) lists(what string, sort func(Record) bool, want []string) {
	r.t.Helper()
	r.holds(func() string {
		_, texts := r.ofSort(sort)
		if diff := differ(want, texts, equal); diff != "" {
			return fmt.Sprintf("%s since the mark (- wanted, + there):%s", what, diff)
		}
		return ""
	})
}

func (r *record) one(what string, sort func(Record) bool, text string) (found Record) {
	r.t.Helper()
	if wrong := await(func() string {
		all, texts := r.ofSort(sort)
		n := 0
		for i, t := range texts {
			if t == text {
				found = all[i]
				n++
			}
		}
		if n == 1 {
			return ""
		}
		return fmt.Sprintf("%d %s %q since the mark, want 1; there are:%s", n, what, text, under(texts))
	}); wrong != "" {
		r.t.Fatal(wrong)
	}
	return found
}
