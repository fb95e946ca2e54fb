package refusal_test

import (
	"testing"

	"github.com/rusmes/otelmail/internal/refusal"
)

func TestOf(t *testing.T) {
	for _, tc := range []struct {
		code     int
		enhanced [3]int
		cause    string
		reason   string
		theirs   bool
	}{
		{550, [3]int{5, 1, 1}, "", "unknown_user", true},
		{450, [3]int{4, 1, 1}, "", "unknown_user", true},
		{553, [3]int{5, 1, 3}, "", "address", true},
		{452, [3]int{4, 2, 2}, "", "mailbox_full", true},
		{452, [3]int{4, 3, 1}, "", "system", false},
		{552, [3]int{5, 3, 4}, "", "too_large", true},
		{554, [3]int{5, 7, 1}, "", "policy", true},
		{550, [3]int{5, 7, 23}, "", "authentication", true},
		{451, [3]int{4, 7, 24}, "", "dns", false},
		{530, [3]int{5, 7, 0}, "", "auth_required", true},
		{554, [3]int{5, 7, 0}, "", "policy", true},
		{530, [3]int{5, 7, 10}, "", "tls", true},
		{550, [3]int{5, 0, 0}, "", "mailbox", true},  // says nothing: the code decides
		{550, [3]int{5, 42, 1}, "", "mailbox", true}, // likewise
		{550, [3]int{2, 1, 1}, "", "mailbox", true},  // contradicts itself
		{421, [3]int{4, 4, 2}, "timeout", "timeout", true},
		{451, [3]int{4, 0, 0}, "timeout", "timeout", false},
		{451, [3]int{}, "dns", "dns", false},
		{550, [3]int{5, 1, 1}, "panic", "system", false}, // ours, whatever the reply hides
		{550, [3]int{5, 1, 1}, "storage", "system", false},
		{421, [3]int{}, "", "system", false},
		{450, [3]int{}, "", "mailbox", true},
		{452, [3]int{}, "", "system", false},
		{554, [3]int{}, "", "policy", true},
		{0, [3]int{}, "connection_reset", "network", true},
		{0, [3]int{}, "refused", "network", false},
		{0, [3]int{}, "", "other", true},
		{599, [3]int{}, "", "other", true},
		{0, [3]int{}, "what nobody knows", "other", true},
	} {
		got := refusal.Of(tc.code, tc.enhanced, tc.cause)
		if got.Reason.String() != tc.reason || got.Theirs != tc.theirs {
			t.Errorf("%d %v %q: %v, theirs %t; want %s, %t", tc.code, tc.enhanced, tc.cause, got.Reason, got.Theirs, tc.reason, tc.theirs)
		}
	}
}

// TestEachRowIsReached: no row is hidden behind another one.
func TestEachRowIsReached(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range refusal.Rules() {
		if seen[r.When] {
			t.Errorf("two rows for %q", r.When)
		}
		seen[r.When] = true
		if r.Means == "" {
			t.Errorf("the row for %q says nothing", r.When)
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d rows", len(seen))
	}
}
