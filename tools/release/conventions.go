package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var series = regexp.MustCompile(`(?m)^  metric_name: (\S+)\n(?:  .*\n)*?    since: (\S+)$`)

// checkSince checks that a series which the last release did not have says that it is of
// this version.
func (r repository) checkSince(ctx context.Context, last, version string) error {
	const file = "registry/metrics.yaml"
	before, err := r.git(ctx, nil, "ls-tree", "--name-only", last, file)
	if err != nil || before == "" {
		return err
	}
	if before, err = r.git(ctx, nil, "show", last+":"+file); err != nil {
		return err
	}
	now, err := os.ReadFile(filepath.Join(r.root, file))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range series.FindAllStringSubmatch(before, -1) {
		known[m[1]] = true
	}
	var problems []error
	for _, m := range series.FindAllStringSubmatch(string(now), -1) {
		if want := strings.TrimPrefix(version, "v"); !known[m[1]] && m[2] != want {
			problems = append(problems, fmt.Errorf("%s is new, and its Since is %s, want %s", m[1], m[2], want))
		}
	}
	return errors.Join(problems...)
}

// checkConventions checks that conventions which have changed have another version, because
// for the same schema URL telemetry is called the same. The manifest has the version.
func (r repository) checkConventions(ctx context.Context, last, version string) error {
	if last == "" {
		return nil
	}
	changed, err := r.git(ctx, nil, "diff", "--name-only", last, "--", "registry")
	if err != nil {
		return fmt.Errorf("compare the conventions with those of %s: %w", last, err)
	}
	if err := r.checkSince(ctx, last, version); err != nil {
		return err
	}
	files := strings.Fields(changed)
	if len(files) == 0 || slices.Contains(files, "registry/manifest.yaml") {
		return nil
	}
	return fmt.Errorf("%s: changed since %s, but the schema URL has not: give internal/schema another Version, and make generate", strings.Join(files, ", "), last)
}
