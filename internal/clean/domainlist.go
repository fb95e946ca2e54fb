package clean

import (
	"fmt"
	"strings"
)

// DomainList returns the domains of a text that has one a line, as [Domain] writes them,
// once each and in their order. What follows a "#" is a comment. The error names the first
// line that is something else, and says how many more are.
func DomainList(text string) (domains []string, err error) {
	const most = 200 // bytes of a line in an error
	seen, more, number := map[string]bool{}, 0, 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) { // which editors put there
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		domain := Domain(line)
		switch {
		case domain == OtherDomain && err != nil:
			more++
		case domain == OtherDomain:
			err = fmt.Errorf("line %d: %.*q is no domain name", number, most, line)
		case !seen[domain]:
			seen[domain] = true
			domains = append(domains, domain)
		}
	}
	if more > 0 {
		err = fmt.Errorf("%w, and neither are %d more", err, more)
	}
	return domains, err
}
