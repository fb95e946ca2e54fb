package otelmail

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/machine"
	"github.com/rusmes/otelmail/internal/settings"
)

const (
	// maxLocalDomains is how many domains the file may have, and may have had since the
	// start: each is a series that stays.
	maxLocalDomains = 10_000
	// settled is for how long the file must be unchanged: half a file ends in half a domain.
	settled = time.Second
)

// localDomains is a file of domains that are pinned. It is used whole or not at all.
type localDomains struct {
	path   string
	seen   [sha256.Size]byte
	wrong  error // with what was seen last
	begun  bool  // the file was looked at after the start
	pinned map[string]bool
}

// readLocalDomains reads the file, if there is one.
func (c *config) readLocalDomains(env *settings.Env) {
	path, name := env.String(settings.LocalDomainsFile)
	if name == "" {
		return
	}
	c.localDomains = &localDomains{path: path, pinned: map[string]bool{}}
	domains, err := c.localDomains.read(time.Time{})
	if err != nil {
		env.Wrong(settings.LocalDomainsFile, fmt.Errorf("%w: %w", settings.Invalid(name, path, settings.LocalDomainsFile.Wants()), err),
			settings.LocalDomainsFile.Unset()+", until it can be used")
	}
	c.pinned = append(c.pinned, domains...)
}

// follow looks at the file again and again: what is new in it gets a series, and what has
// left it keeps its own, because a counter that goes away takes its count with it.
func (l *localDomains) follow(t *Telemetry) {
	if l == nil {
		return
	}
	t.Host.sources.poll(messagesPerDomain, settings.LocalDomainsFile.Name(), sourceEvery, func(context.Context) error {
		if !l.begun { // it has just been read
			l.begun = true
			return nil
		}
		domains, err := l.read(time.Now())
		if len(domains) > 0 {
			t.SMTP.domains.Pin(domains)
		}
		if err != nil {
			return fmt.Errorf("%q cannot be used: want %s: %w", l.path, settings.LocalDomainsFile.Wants(), err)
		}
		return nil
	})
}

// read returns the domains that are new. At the time now a file that is still being written
// has none yet; the zero time takes it as it is.
func (l *localDomains) read(now time.Time) (domains []string, err error) {
	text, changed, err := machine.ReadFile(l.path)
	if err != nil {
		l.seen = [sha256.Size]byte{}
		return nil, err
	}
	sum := sha256.Sum256(text)
	if sum == l.seen {
		return nil, l.wrong
	}
	if age := now.Sub(changed); !now.IsZero() && age >= 0 && age < settled {
		return nil, nil
	}
	l.seen = sum
	domains, l.wrong = l.judge(string(text))
	return domains, l.wrong
}

func (l *localDomains) judge(text string) (fresh []string, err error) {
	all, err := clean.DomainList(text)
	if err != nil {
		return nil, err
	}
	for _, domain := range all {
		if !l.pinned[domain] {
			fresh = append(fresh, domain)
		}
	}
	switch most := maxLocalDomains; {
	case len(all) > most:
		return nil, fmt.Errorf("it has %d domains", len(all))
	case len(l.pinned)+len(fresh) > most:
		return nil, fmt.Errorf("with those that have left it since the start it has had %d domains: start the server anew", len(l.pinned)+len(fresh))
	}
	for _, domain := range fresh {
		l.pinned[domain] = true
	}
	return fresh, nil
}
