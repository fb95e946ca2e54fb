package where

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
)

// authVariable holds the credentials, where no file does.
const authVariable = "OTELMAIL_AUTH"

// defaultServer is where a mail server of this machine has its page.
const defaultServer = "http://127.0.0.1:9090"

const usage = `Usage: otelmail where [flags] QUEUE-ID|MESSAGE-ID|ADDRESS

Where a message is, and what has happened to it: asks mail servers that have the page of
exporters/live, and prints the hops of each message in order. With - what to search for is
read from standard input, where other users of this machine do not see it.

The exit status is 0 if something was found, 1 if nothing was, and 2 if a server could not be
asked and the others know nothing.

A server that wants a user and a password is given them by a file, or by the variable
OTELMAIL_AUTH: USER:PASSWORD. Certificates of an authority of your own: SSL_CERT_FILE.

Flags:

`

// Config is what to search for, and where.
type Config struct {
	Text    string
	Servers []*url.URL
	JSON    bool
	Timeout time.Duration // of each request

	user, password string
	auth           bool
}

// servers is the value of --server.
type servers []*url.URL

func (s *servers) String() string { return defaultServer }

func (s *servers) Set(value string) error {
	if strings.Contains(value, "@") {
		return errSecret
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want http://HOST:PORT or https://HOST:PORT")
	}
	*s = append(*s, u)
	return nil
}

var errSecret = fmt.Errorf("--server: no user and password belong into it, where everybody on this machine sees them: want them in --auth-file or %s", authVariable)

func newFlags(c *Config, all *servers, authFile *string) *flag.FlagSet {
	set := flags.New("where")
	set.Var(all, "server", "`URL` of a server's page; may be given several times")
	set.StringVar(authFile, "auth-file", "", "`file` with USER:PASSWORD for all servers")
	set.BoolVar(&c.JSON, "json", false, "print JSON")
	set.DurationVar(&c.Timeout, "timeout", 15*time.Second, "how long to wait for a server, a `duration`")
	return set
}

// Usage prints the flags.
func Usage(w io.Writer) {
	fmt.Fprint(w, usage)
	flags.Print(w, newFlags(&Config{}, &servers{}, new(string)))
}

// ParseFlags reads a command line, on which flags may also follow what is searched for. Its
// error is [flag.ErrHelp] when help is asked for, and never holds a secret.
func ParseFlags(args []string, stdin io.Reader, getenv func(string) string) (*Config, error) {
	var c Config
	var all servers
	var authFile string
	set := newFlags(&c, &all, &authFile)
	var texts []string
	for {
		if err := set.Parse(args); err != nil {
			if strings.Contains(err.Error(), errSecret.Error()) {
				return nil, errSecret // flag's own error has the value
			}
			return nil, err
		}
		if set.NArg() == 0 {
			break
		}
		texts, args = append(texts, set.Arg(0)), set.Args()[1:]
	}
	if len(texts) != 1 {
		return nil, fmt.Errorf("%d things to search for are not allowed: want one QUEUE-ID, MESSAGE-ID or ADDRESS", len(texts))
	}
	c.Text, c.Servers = texts[0], all
	if c.Text == "-" {
		line, err := io.ReadAll(io.LimitReader(stdin, 4<<10))
		if err != nil {
			return nil, fmt.Errorf("read what to search for: %w", err)
		}
		c.Text = string(line)
	}
	if c.Text = strings.TrimSpace(c.Text); c.Text == "" {
		return nil, errors.New("there is nothing to search for: want a QUEUE-ID, MESSAGE-ID or ADDRESS")
	}
	if c.Timeout <= 0 {
		return nil, fmt.Errorf("--timeout: %v is not allowed: want more than 0s", c.Timeout)
	}
	if len(c.Servers) == 0 {
		u, err := url.Parse(defaultServer)
		if err != nil {
			return nil, err
		}
		c.Servers = []*url.URL{u}
	}
	return &c, c.readAuth(authFile, getenv(authVariable))
}

// readAuth reads the credentials.
func (c *Config) readAuth(file, variable string) error {
	text, source := variable, authVariable
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("--auth-file: %w", err)
		}
		text, source = string(content), "--auth-file "+file
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		if file != "" {
			return fmt.Errorf("%s: it is empty: want USER:PASSWORD", source)
		}
		return nil
	}
	if c.user, c.password, c.auth = strings.Cut(text, ":"); !c.auth || c.user == "" {
		return fmt.Errorf("%s: want USER:PASSWORD", source)
	}
	return nil
}
