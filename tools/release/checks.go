package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

func checkVersion(version, last string) error {
	switch {
	case semver.Canonical(version) != version || version == "":
		return fmt.Errorf("version %q: want one such as v1.2.3 or v1.2.3-rc.1", version)
	case semver.Compare(semver.Major(version), "v1") > 0:
		return fmt.Errorf("version %s: from v2 on the modules' paths must end in the major version", version)
	case semver.Compare(version, last) <= 0:
		return fmt.Errorf("version %s: %s is tagged already, want a later one", version, last)
	}
	return nil
}

var constant = regexp.MustCompile(`(?m)^const Version = "(.*)"$`)

// checkConstant checks the version that telemetry says it comes from.
func checkConstant(tree, version string) error {
	source, err := os.ReadFile(filepath.Join(tree, "doc.go"))
	if err != nil {
		return err
	}
	found := constant.FindSubmatch(source)
	switch {
	case found == nil:
		return errors.New("doc.go: no constant Version")
	case "v"+string(found[1]) != version:
		return fmt.Errorf("doc.go: Version is %q, want %q", found[1], strings.TrimPrefix(version, "v"))
	}
	return nil
}

// changesIn is what the changelog says of the version.
func changesIn(tree, version string) (title, body string, err error) {
	text, err := os.ReadFile(filepath.Join(tree, "CHANGELOG.md"))
	if err != nil {
		return "", "", err
	}
	number := strings.TrimPrefix(version, "v")
	for section := range strings.SplitSeq("\n"+string(text), "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		name, _, _ := strings.Cut(title, " - ")
		if strings.Trim(name, "[]") == number {
			return title, body, nil
		}
	}
	return "", "", fmt.Errorf("CHANGELOG.md: no section %q", "## "+number)
}

// checkChangelog checks that there is a section for the version, and that what is
// tagged has a date.
func checkChangelog(title, body string, dated bool) error {
	name, date, _ := strings.Cut(title, " - ")
	switch {
	case strings.TrimSpace(body) == "":
		return fmt.Errorf("CHANGELOG.md: nothing below the title %q", title)
	case dated && !regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(date):
		return fmt.Errorf("CHANGELOG.md: the title is %q, want %q with the day of the release", title, strings.Trim(name, "[]")+" - YYYY-MM-DD")
	}
	return nil
}
