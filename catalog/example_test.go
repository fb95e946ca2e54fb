package catalog_test

import (
	"fmt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// What a series is made of, for a page, a panel or an alert of one's own.
func Example() {
	for _, m := range otelmail.Catalog() {
		if m.Kind == catalog.Histogram && m.Name == "delivery_attempt_duration_seconds" {
			fmt.Println(m.FullName("mymail"), len(m.Buckets), "buckets, by")
			for _, l := range m.Labels {
				fmt.Println(l.Key, l.Values)
			}
		}
	}
	// Output:
	// mymail_delivery_attempt_duration_seconds 12 buckets, by
	// transport [smtp lmtp local _OTHER]
	// outcome [delivered deferred failed _OTHER]
}
