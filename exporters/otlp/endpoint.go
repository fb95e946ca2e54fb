package otlp

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/rusmes/otelmail/internal/settings"
)

// address is where a signal goes.
type address struct {
	url  *url.URL      // without user name and password, with a path
	user *url.Userinfo // nil: none
	// bare says that the setting was host:port without a scheme, so that
	// another setting decides on TLS. url then has scheme http.
	bare bool
}

// parseEndpoint reads the value of setting. bare allows host:port without a scheme.
// Errors show no user name, password or query.
func parseEndpoint(setting, value string, bare bool) (address, error) {
	rule := settings.OTLPEndpoint.Wants()
	if bare {
		rule += ", or host:port"
	}
	fail := func(why string) (address, error) {
		return address{}, settings.Invalid(setting, redact(value), rule+" ("+why+")")
	}
	raw := strings.TrimSpace(value)
	a := address{}
	if bare && !strings.Contains(raw, "://") {
		a.bare = true
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return fail("it is not a URL") // err would show the value
	case u.Scheme != "http" && u.Scheme != "https":
		return fail("the scheme is neither http nor https")
	case u.Hostname() == "":
		return fail("it has no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fail("it has a query or a fragment")
	case !isPort(u):
		return fail("the port is not a number from 1 to 65535")
	}
	a.user = u.User
	u.User = nil
	if u.Path == "" {
		u.Path = "/"
	}
	a.url = u
	return a, nil
}

func isPort(u *url.URL) bool {
	p := u.Port()
	if p == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(p)
	return err == nil && n >= 1 && n <= 65535
}

// hostPort is the address that gRPC dials.
func (a address) hostPort() string {
	if a.url.Port() != "" {
		return a.url.Host
	}
	port := "80"
	if a.url.Scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(a.url.Hostname(), port)
}

// redact removes what may be secret in an endpoint: everything before an "@", and the
// query. It works on text, since the endpoint may not be a URL.
func redact(value string) string {
	prefix := ""
	if at := strings.LastIndexByte(value, '@'); at >= 0 {
		if scheme, _, found := strings.Cut(value[:at], "://"); found {
			prefix = scheme + "://"
		}
		prefix, value = prefix+"…", value[at:]
	}
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		value = value[:i+1] + "…"
	}
	return prefix + value
}
