package otelmail_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// TestEverySeriesSaysHowServersAreAddedUp, and no time or share is added up.
func TestEverySeriesSaysHowServersAreAddedUp(t *testing.T) {
	ways := []catalog.Fleet{catalog.Sum, catalog.SumOfShown, catalog.Max, catalog.Min, catalog.ByHost}
	for _, m := range otelmail.Catalog() {
		if !slices.Contains(ways, m.Fleet) {
			t.Errorf("%s: over several servers %q, want one of %q", m.Name, m.Fleet, ways)
		}
		if m.Kind == catalog.Gauge && m.Fleet == catalog.Sum && (m.Unit == "1" || m.Unit == "s") {
			t.Errorf("%s: a share or a time is added up", m.Name)
		}
		others := slices.ContainsFunc(m.Labels, func(l catalog.Label) bool { return strings.Contains(l.Help, "`_other`") && l.Values == nil })
		if m.Kind == catalog.Counter && others != (m.Fleet == catalog.SumOfShown) {
			t.Errorf("%s: %s, and that each server shows its own busiest is %t", m.Name, m.Fleet, others)
		}
	}
}
