// Package life keeps the mail events of a process, and finds in them what has happened to
// a message.
package life

import (
	"context"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// Config configures a Store. Zero values mean the default.
type Config struct {
	// MaxBytes bounds what is kept: of the ring in memory, or of the file in Dir.
	MaxBytes int64
	// Dir is where the events are kept on disk; "" keeps them in memory.
	Dir string
	// MaxAge is for how long they are kept on disk.
	MaxAge time.Duration
	// Setting is what named Dir, for errors.
	Setting string
	// Forms are what stands in telemetry for an address, a user's name or a message id:
	// [export.Pipeline].Forms.
	Forms func(text string) []string
	// Report is called when the disk begins to fail.
	Report func(error)
}

// Store keeps events. All methods are safe for concurrent use.
type Store struct{}

// Open opens the store.
func Open(Config) (*Store, error) { return &Store{}, nil }

// Processor is what fills the store.
func (s *Store) Processor() sdklog.Processor { return nil }

// Query is what is searched for.
type Query struct {
	Text  string // a queue id, a message id, an address, a trace id, or a hash of telemetry
	Limit int    // of messages, the newest first; 0 is 20
}

// Result is what was found.
type Result struct {
	Messages []Life  `json:"messages"`
	Events   []Event `json:"events"` // of no message: refusals and failed logins
	// More says that older ones were left out.
	More bool `json:"more"`
	// Note says in a sentence what could not be searched for; "" where nothing.
	Note  string `json:"note,omitempty"`
	Reach Reach  `json:"reach"`
}

// Life is what has happened to a message.
type Life struct {
	QueueID string `json:"queue_id"`
	State   string `json:"state"`
	Text    string `json:"text"` // the state as a sentence
	Steps   []Step `json:"steps"`
}

// Step is one thing that has happened.
type Step struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Event is a mail event.
type Event struct {
	Time time.Time `json:"time"`
	Name string    `json:"event"`
}

// Filter chooses among failures; "" takes all.
type Filter struct {
	Event, Protocol, Stage, Reason, Domain, Fault string
	Limit                                         int // 0 is 500
}

// Reach says what is kept.
type Reach struct {
	From    time.Time `json:"from"` // the oldest event's time; zero where there is none
	Events  int64     `json:"events"`
	Bytes   int64     `json:"bytes"`
	Dropped int64     `json:"dropped"` // that the disk did not take
}

// Search finds messages.
func (s *Store) Search(context.Context, Query) (Result, error) { return Result{}, nil }

// Failures are the newest failures that f takes, the newest first.
func (s *Store) Failures(context.Context, Filter) ([]Event, error) { return nil, nil }

// Reach says what is kept.
func (s *Store) Reach() Reach { return Reach{} }

// Close ends the store.
func (s *Store) Close(context.Context) error { return nil }
