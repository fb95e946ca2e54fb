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
	"os"
	"strings"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
)

// Config is what the flags say.
type Config struct {
	Server string        // the address of the page
	Every  time.Duration // how often to ask; 0 is once

	user, password string // "" for none
}

// Credentials is the variable that has the name and the password, with a colon between: a
// command line is not for them, because everybody on the machine can read it.
const Credentials = "OTELMAIL_CREDENTIALS"

// ParseFlags reads the command line, and the variable. The error names the flag, its value and
// what is allowed; it is [flag.ErrHelp] when help is asked for.
func ParseFlags(args []string) (Config, error) {
	c := defaults()
	if err := flags.Parse(newFlagSet(&c), args); err != nil {
		return c, err
	}
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		// The value may have a password in it.
		return c, errors.New("--server: the value given is not allowed: want an address like http://127.0.0.1:9090/, without name and password")
	}
	c.Server = strings.TrimSuffix(c.Server, "/") + "/"
	if given := os.Getenv(Credentials); given != "" {
		var ok bool
		if c.user, c.password, ok = strings.Cut(given, ":"); !ok {
			return c, errors.New(Credentials + ": the value given is not allowed: want name:password")
		}
	}
	return c, nil
}

func defaults() Config { return Config{Server: "http://127.0.0.1:9090/", Every: 2 * time.Second} }

// Usage writes the flags with their defaults.
func Usage(w io.Writer) {
	c := defaults()
	fmt.Fprint(w, "Usage: otelmail top [flags]\n\n"+
		"Shows how a mail server does, as its page says (docs/live.md). Where that wants a password,\n"+
		"the variable "+Credentials+" has it: name:password.\n\n")
	flags.Print(w, newFlagSet(&c))
}

func newFlagSet(c *Config) *flag.FlagSet {
	set := flags.New("top")
	set.StringVar(&c.Server, "server", c.Server, "`URL` of the page")
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
func Run(ctx context.Context, c Config, out io.Writer, terminal bool) error {
	client := &http.Client{Timeout: 10 * time.Second}
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
			s.write(&text, c.Server)
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
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Server+"api/v1/status", nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.Server, err)
	}
	if c.user != "" {
		r.SetBasicAuth(c.user, c.password)
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.Server, err)
	}
	defer res.Body.Close()
	s := &status{}
	switch err := json.NewDecoder(io.LimitReader(res.Body, most)).Decode(s); {
	case res.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("ask %s: it wants a name and a password: want them in %s", c.Server, Credentials)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("ask %s: it answers %s: want the address of a page of otelmail", c.Server, res.Status)
	case err != nil || s.Sentence == "":
		return nil, fmt.Errorf("ask %s: what it answers is no status: want the address of a page of otelmail", c.Server)
	}
	return s, nil
}
