// Package reach is how otelmail's commands reach servers that have the page of exporters/live:
// at which addresses, and with whose credentials.
package reach

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Default is where a mail server of this machine has its page.
const Default = "http://127.0.0.1:9090"

// Variable holds the credentials, where no file does.
const Variable = "OTELMAIL_AUTH"

// Help is what a command's usage says about credentials: a command line is not for them,
// because everybody on the machine can read it.
const Help = `A server that wants a user and a password is given them by a file, or by the variable
` + Variable + `: USER:PASSWORD. Certificates of an authority of your own: SSL_CERT_FILE.
`

// ErrUnauthorized is what a server means by 401.
var ErrUnauthorized = errors.New("it wants a user and a password, or others: give them by --auth-file or " + Variable)

// Server reads the value of --server. The error does not hold it where it may have a password.
func Server(value string) (*url.URL, error) {
	if strings.Contains(value, "@") {
		return nil, errors.New("--server: no user and password belong into it, where everybody on this machine sees them: want them in --auth-file or " + Variable)
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("--server: %q is not allowed: want http://HOST:PORT or https://HOST:PORT", value)
	}
	return u, nil
}

// Access is who asks.
type Access struct {
	file           string
	user, password string
	given          bool
}

// Flag adds --auth-file.
func (a *Access) Flag(set *flag.FlagSet) {
	set.StringVar(&a.file, "auth-file", "", "`file` with USER:PASSWORD for all servers")
}

// Read reads the credentials once the flags are parsed: of the file, else of the variable. Its
// error does not hold them.
func (a *Access) Read(getenv func(string) string) error {
	text, source := getenv(Variable), Variable
	if a.file != "" {
		content, err := os.ReadFile(a.file)
		if err != nil {
			return fmt.Errorf("--auth-file: %w", err)
		}
		text, source = string(content), "--auth-file "+a.file
	}
	text = strings.TrimRight(text, "\r\n")
	if text == "" && a.file == "" {
		return nil
	}
	if a.user, a.password, a.given = strings.Cut(text, ":"); !a.given || a.user == "" {
		return fmt.Errorf("%s: the value given is not allowed: want USER:PASSWORD", source)
	}
	return nil
}

// Client asks with the credentials. It follows no redirect: they, and what is searched for, are
// for the one server.
func (a *Access) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     authorized{a},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type authorized struct{ *Access }

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.given {
		r = r.Clone(r.Context())
		r.SetBasicAuth(a.user, a.password)
	}
	return http.DefaultTransport.RoundTrip(r)
}
