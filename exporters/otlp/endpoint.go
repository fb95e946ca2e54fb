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

// shown is the endpoint as it stands in errors, reports and counts: without what may be a
// secret. Some vendors put a token into the path.
func (a address) shown() string {
	u := *a.url
	u.Path, u.RawPath = shownURLPath(u.Path), ""
	return u.Scheme + "://" + u.Host + u.Path
}

// shownURLPath leaves of a path what OTLP adds to an endpoint.
func shownURLPath(path string) string {
	for _, s := range []signal{traces, metrics, logs} {
		if end := "/" + s.path; path == end {
			return end
		} else if strings.HasSuffix(path, end) {
			return "/…" + end
		}
	}
	if path == "" || path == "/" {
		return path
	}
	return "/…"
}

// secrets are the parts of the endpoint that no error may show, as they are and as they
// travel: a receiver may repeat them in its answer.
func (a address) secrets() []string {
	var all []string
	if password, set := a.user.Password(); set {
		all = append(all, password, url.QueryEscape(password), url.PathEscape(password))
	}
	for _, path := range []string{a.url.Path, a.url.EscapedPath()} {
		if shownURLPath(path) == path {
			continue
		}
		for _, s := range []signal{traces, metrics, logs} {
			path = strings.TrimSuffix(path, "/"+s.path)
		}
		all = append(all, strings.Split(path, "/")...)
	}
	return all
}

// redact removes what may be secret in an endpoint: everything before an "@", the query and
// the path. It works on text, since the endpoint may not be a URL.
func redact(value string) string {
	prefix := ""
	if at := strings.LastIndexByte(value, '@'); at >= 0 {
		if scheme, _, found := strings.Cut(value[:at], "://"); found {
			prefix = scheme + "://"
		}
		prefix, value = prefix+"…", value[at:]
	}
	query := ""
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		value, query = value[:i], value[i:i+1]+"…"
	}
	host := 0 // where the path may begin
	if i := strings.Index(value, "//"); i >= 0 {
		host = i + len("//")
	}
	if i := strings.IndexByte(value[host:], '/'); i >= 0 {
		value = value[:host+i] + shownURLPath(value[host+i:])
	}
	return prefix + value + query
}
