package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// checkConventions checks that conventions which have changed have another version, because
// for the same schema URL telemetry is called the same. The manifest has the version.
func (r repository) checkConventions(ctx context.Context, last string) error {
	if last == "" {
		return nil
	}
	changed, err := r.git(ctx, nil, "diff", "--name-only", last, "--", "registry")
	if err != nil {
		return fmt.Errorf("compare the conventions with those of %s: %w", last, err)
	}
	files := strings.Fields(changed)
	if len(files) == 0 || slices.Contains(files, "registry/manifest.yaml") {
		return nil
	}
	return fmt.Errorf("%s: changed since %s, but the schema URL has not: give internal/schema another Version, and make generate", strings.Join(files, ", "), last)
}
