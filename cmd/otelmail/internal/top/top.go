// Package top shows on a terminal how a mail server does, again and again, as its page says
// by its JSON API (docs/live-api.md).
package top

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/reach"
)

// Config is what the flags say.
type Config struct {
	Server *url.URL      // the address of the page
	Every  time.Duration // how often to ask; 0 is once

	server string
	access reach.Access
}

// ParseFlags reads the command line, and the credentials. The error names the flag, its value
// and what is allowed, and never holds a secret; it is [flag.ErrHelp] when help is asked for.
func ParseFlags(args []string, getenv func(string) string) (*Config, error) {
	c := defaults()
	err := flags.Parse(newFlagSet(c), args)
	if err != nil {
		return nil, err
	}
	if c.Server, err = reach.Server(c.server); err != nil {
		return nil, err
	}
	return c, c.access.Read(getenv)
}
func defaults() *Config { return &Config{server: reach.Default, Every: 2 * time.Second} }

// Usage writes the flags with their defaults.
func Usage(w io.Writer) {
	fmt.Fprint(w, "Usage: otelmail top [flags]\n\n"+
		"Shows how a mail server does, as its page says (docs/live.md).\n\n"+reach.Help+"\nFlags:\n\n")
	flags.Print(w, newFlagSet(defaults()))
}

func newFlagSet(c *Config) *flag.FlagSet {
	set := flags.New("top")
	set.StringVar(&c.server, "server", c.server, "`URL` of the page")
	c.access.Flag(set)
	set.Var((*every)(&c.Every), "every", "how `often` to ask, like 2s or 1m; 0 is once")
	return set
}

type every time.Duration

func (e *every) String() string { return time.Duration(*e).String() }

func (e *every) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d != 0 && d < time.Second {
		return errors.New("want a duration from 1s on, or 0 for once")
	}
	*e = every(d)
	return nil
}

// clearScreen moves the cursor to the top and empties the screen.
const clearScreen = "\x1b[H\x1b[2J"

// Run shows the status until ctx ends. Where out is a terminal each takes the place of the one
// before. The error says why the server could not be asked the first time; later that is
// shown, and the server is asked again.
func Run(ctx context.Context, c *Config, out io.Writer, terminal bool) error {
	client := c.access.Client(10 * time.Second)
	for first := true; ctx.Err() == nil; first = false {
		s, err := c.ask(ctx, client)
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil && first:
			return err
		}
		var text strings.Builder
		if terminal {
			text.WriteString(clearScreen)
		}
		if err != nil {
			fmt.Fprintf(&text, "%s\n\n%s\n", time.Now().Format(timeFormat), printable(err.Error()))
		} else {
			s.write(&text, c.Server.String())
		}
		if _, err := io.WriteString(out, text.String()); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if c.Every == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(c.Every):
		}
	}
	return nil
}

// most is how long an answer may be.
const most = 1 << 20

func (c *Config) ask(ctx context.Context, client *http.Client) (*status, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Server.JoinPath("api/v1/status").String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.Server, err)
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.Server, err)
	}
	defer res.Body.Close()
	s := &status{}
	switch err := json.NewDecoder(io.LimitReader(res.Body, most)).Decode(s); {
	case res.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("ask %s: %w", c.Server, reach.ErrUnauthorized)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("ask %s: it answers %s: want the address of a page of otelmail", c.Server, res.Status)
	case err != nil || s.Sentence == "":
		return nil, fmt.Errorf("ask %s: what it answers is no status: want the address of a page of otelmail", c.Server)
	}
	return s, nil
}
