package otlp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/rusmes/otelmail/internal/settings"
)

// parseHeaders reads the value of setting, a list in the form of W3C Baggage
// without properties (OTLP exporter specification, "Specifying headers via
// environment variables"). Empty members are skipped, the last of two equal
// names wins. Errors never show a value, which may be a secret, nor a member
// without a name, which may be a part of a value.
func parseHeaders(setting, list string) (map[string]string, error) {
	headers, rule := map[string]string{}, settings.OTLPHeaders.Wants()
	var errs []error
	number := 0
	for member := range strings.SplitSeq(list, ",") {
		number++
		member = strings.TrimSpace(member)
		if member == "" {
			continue
		}
		name, value, found := strings.Cut(member, "=")
		if !found {
			errs = append(errs, fmt.Errorf("%s: header %d has no \"=\": want %s", setting, number, rule))
			continue
		}
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if err != nil {
			// err itself would show a part of the value.
			errs = append(errs, fmt.Errorf("%s: the value of header %d is not percent-encoded: want %s", setting, number, rule))
			continue
		}
		value = strings.TrimSpace(value)
		if err := checkHeader(setting, name, value); err != nil {
			errs = append(errs, err)
			continue
		}
		headers[name] = value
	}
	return headers, errors.Join(errs...)
}

// checkHeader refuses what cannot travel as an HTTP header.
func checkHeader(setting, name, value string) error {
	if !isToken(name) {
		return fmt.Errorf("%s: %q is not allowed as the name of a header: want letters, digits and -_.!#$%%&'*+^`|~", setting, name)
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return fmt.Errorf("%s: the value of header %q is not allowed: want printable ASCII", setting, name)
		}
	}
	return nil
}

// checkMetadata refuses what can travel as an HTTP header, but not as gRPC
// metadata (gRPC over HTTP/2, "Requests").
func checkMetadata(setting string, headers map[string]string) error {
	for name := range headers {
		low := strings.ToLower(name)
		bad := strings.HasPrefix(low, "grpc-") || strings.IndexFunc(low, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
		}) >= 0
		if bad {
			return fmt.Errorf("%s: %q is not allowed as the name of gRPC metadata: want letters, digits and -_. not starting with grpc-", setting, name)
		}
	}
	return nil
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-_.!#$%&'*+^`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
