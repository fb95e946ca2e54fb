// Package webfile is what exporters/prometheus and what reads web configuration files for it
// have in common, so that a program without such a file does not hold what reads it.
package webfile

import (
	"crypto/sha256"
	"crypto/tls"
	"time"
)

// Contents are those of a web configuration file and of the files that it names, as they were
// when they were read.
type Contents interface {
	// Sum tells what was read, and that it could not be read, from anything else.
	Sum() [sha256.Size]byte
	// Changed is when the latest of the files was changed.
	Changed() time.Time
	// Settings are what the files say, checked.
	Settings() (*Settings, error)
}

// Settings are what the files say.
type Settings struct {
	TLS     *tls.Config       // nil without
	Users   map[string]string // bcrypt hashes by name
	Headers map[string]string

	Interval time.Duration // one more request each; 0: no limit
	Burst    int           // so many at once
}
