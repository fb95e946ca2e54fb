package dashboards

import (
	"slices"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
)

// besideCatalog reports whether the reference has no section for m.
func besideCatalog(m catalog.Metric) bool {
	return !slices.ContainsFunc(otelmail.Catalog(), func(c catalog.Metric) bool { return c.Name == m.Name })
}
