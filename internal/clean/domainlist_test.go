package clean

import (
	"slices"
	"strings"
	"testing"
)

// FuzzDomainList: whatever the text is, its domains are clean, and a list of these is the
// same again.
func FuzzDomainList(f *testing.F) {
	for _, text := range []string{"a.example\n", "\ufeff# none\r\nB.example # one\n\nbücher.example.", "not fine", "a\x00b\n_other", "#\n\n#"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		domains, err := DomainList(text)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		again, err := DomainList(strings.Join(domains, "\n"))
		if err != nil || !slices.Equal(again, domains) {
			t.Errorf("%q, again %q, %v", domains, again, err)
		}
	})
}
