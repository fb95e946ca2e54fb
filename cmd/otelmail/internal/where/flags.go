package where

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/reach"
)

const usage = `Usage: otelmail where [flags] QUEUE-ID|MESSAGE-ID|ADDRESS

Where a message is, and what has happened to it: asks mail servers that have the page of
exporters/live, and prints the hops of each message in order. With - what to search for is
read from standard input, where other users of this machine do not see it.

The exit status is 0 if something was found, 1 if nothing was, and 2 if a server could not be
asked and the others know nothing.

` + reach.Help + `
Flags:

`

// Config is what to search for, and where.
type Config struct {
	Text    string
	Servers []*url.URL
	JSON    bool
	Timeout time.Duration // of each request

	access reach.Access
}

// servers are the values of --server.
type servers []string

func (s *servers) String() string { return reach.Default }

func (s *servers) Set(value string) error {
	*s = append(*s, value) // package flag's error would have the value, and a password may be in it
	return nil
}

func newFlags(c *Config, all *servers) *flag.FlagSet {
	set := flags.New("where")
	set.Var(all, "server", "`URL` of a server's page; may be given several times")
	c.access.Flag(set)
	set.BoolVar(&c.JSON, "json", false, "print JSON")
	set.DurationVar(&c.Timeout, "timeout", 15*time.Second, "how long to wait for a server, a `duration`")
	return set
}

// Usage prints the flags.
func Usage(w io.Writer) {
	fmt.Fprint(w, usage)
	flags.Print(w, newFlags(&Config{}, &servers{}))
}

// ParseFlags reads a command line, on which flags may also follow what is searched for. Its
// error is [flag.ErrHelp] when help is asked for, and never holds a secret.
func ParseFlags(args []string, stdin io.Reader, getenv func(string) string) (*Config, error) {
	var c Config
	var all servers
	set := newFlags(&c, &all)
	var texts []string
	for {
		if err := set.Parse(args); err != nil {
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
	c.Text = texts[0]
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
	if len(all) == 0 {
		all = servers{reach.Default}
	}
	for _, value := range all {
		u, err := reach.Server(value)
		if err != nil {
			return nil, err
		}
		c.Servers = append(c.Servers, u)
	}
	return &c, c.access.Read(getenv)
}
