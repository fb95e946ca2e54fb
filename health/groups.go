package health

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Groups adds the check to groups, of which /health?group=NAME shows one: for a dashboard or
// a load balancer that wants to know about the storage alone. Names are as those of checks,
// see [Registry.Register]. Default: none.
func Groups(names ...string) CheckOption {
	return checkOption(func(c *check) error {
		for _, name := range names {
			if err := validName(name); err != nil {
				return fmt.Errorf("group %q: %w", bounded(name), err)
			}
			c.groups = append(c.groups, name)
		}
		slices.Sort(c.groups)
		c.groups = slices.Compact(c.groups)
		return nil
	})
}

// inGroups keeps the checks that are in one of the groups that the query names, or all
// if it names none. A group that no check is in is an error that names those that are.
func inGroups(checks []*check, query url.Values) ([]*check, error) {
	wanted, ok := query["group"]
	if !ok {
		return checks, nil
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(checks, func(c *check) bool { return slices.Contains(c.groups, name) }) {
			return nil, fmt.Errorf("unknown group %q: %s", bounded(name), allGroups(checks))
		}
	}
	var kept []*check
	for _, c := range checks {
		if slices.ContainsFunc(wanted, func(name string) bool { return slices.Contains(c.groups, name) }) {
			kept = append(kept, c)
		}
	}
	return kept, nil
}

func allGroups(checks []*check) string {
	var all []string
	for _, c := range checks {
		all = append(all, c.groups...)
	}
	if len(all) == 0 {
		return "no check is in a group"
	}
	slices.Sort(all)
	return "must be one of " + strings.Join(slices.Compact(all), ", ")
}
