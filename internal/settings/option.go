package settings

import (
	"fmt"
	"regexp"
	"time"
)

// Namespace is the default prefix of every metric name. There is no variable
// for it: dashboards are written against it.
const Namespace = "rusmes"

var namespaces = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,62}$`)

// CheckNamespace refuses what cannot be the prefix of a metric name.
func CheckNamespace(option, namespace string) error {
	if namespaces.MatchString(namespace) {
		return nil
	}
	return Invalid(option, namespace, "1 to 63 letters, digits and underscores, the first a letter")
}

// CheckNumber refuses an option's number below low or above high.
func CheckNumber(option string, n, low, high int) error {
	s := Setting{Kind: Number, Low: int64(low), High: int64(high)}
	return s.Check(option, int64(n))
}

// CheckDuration refuses an option's duration below low or above high.
func CheckDuration(option string, d, low, high time.Duration) error {
	s := Setting{Kind: Duration, Low: int64(low), High: int64(high)}
	return s.Check(option, int64(d))
}

// CheckMillis refuses an option's duration that no setting in milliseconds could have.
func CheckMillis(option string, d time.Duration) error {
	return CheckDuration(option, d, time.Millisecond, time.Duration(mostMillis)*time.Millisecond)
}

// Check refuses an option's value that the variable could not have.
func (s *Setting) Check(option string, n int64) error {
	if s.allows(n) {
		return nil
	}
	value := fmt.Sprint(n)
	if s.Kind == Duration {
		value = time.Duration(n).String()
	}
	return Invalid(option, value, s.Wants())
}
