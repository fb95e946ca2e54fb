package otelmailtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rusmes/otelmail"
)

// leastLocal is how long the local part of an address for Leaks has to be: a shorter one stands
// in a hash by chance.
const leastLocal = 5

// Leaks fails the test where one of the addresses, or its local part alone, stands in anything
// that leaves the process: the resource, spans, log records and mail events with all their parts,
// metrics with their exemplars, the page of /metrics, and what the error handler was told; of a
// [Receiver], in whatever it has received. It finds them in capitals, percent-encoded, quoted,
// escaped and in base64, too. What was recorded before a mark counts as well; the local log does
// not leave.
//
// An address such as canary@example.org, which the test has sent to the server, should have a
// local part that stands nowhere else, of 5 characters at least. Leaks does not wait: assert
// first that what the server does has been recorded, by [Recorder.Tree] for example.
func (r *record) Leaks(addresses ...string) {
	r.t.Helper()
	settle()
	texts := r.leaving()
	plain := map[string]string{} // most stand there many times
	for _, text := range texts {
		if _, known := plain[text.said]; !known {
			plain[text.said] = plainly(text.said)
		}
	}
	for _, address := range addresses {
		local := address
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			local = address[:at]
		}
		local = plainly(local)
		if len(local) < leastLocal {
			r.t.Errorf("otelmailtest: Leaks: %q: its local part may stand in a hash or in another word by chance: want one of %d characters or more", address, leastLocal)
			continue
		}
		if name := namedBy(local); name != "" {
			r.t.Errorf("otelmailtest: Leaks: %q: its local part is a word of %s's own text: want one that stands nowhere else, such as canary77", address, name)
			continue
		}
		var found []string
		for _, text := range texts {
			if spells(text.said, plain[text.said], local) {
				found = append(found, fmt.Sprintf("%s: %q", text.place, text.said))
			}
		}
		if len(found) > 0 {
			r.t.Errorf("%q leaves the process:%s", address, under(slices.Compact(found)))
		}
	}
}

// namedBy is a series whose own name or help has the text, "" for none.
func namedBy(text string) string {
	for _, m := range otelmail.Catalog() {
		if strings.Contains(plainly(m.Name+" "+m.Help), text) {
			return m.Name
		}
	}
	return ""
}

// leaving is a text that leaves the process, and where.
type leaving struct{ place, said string }
