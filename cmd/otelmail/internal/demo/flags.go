package demo

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/flags"
)

// Config is what the flags say.
type Config struct {
	HTTP string // the page, /metrics and the probes; host:port
	SMTP string // the mail server; host:port
	IMAP string // where users find their mail; host:port
	JMAP string // likewise, over HTTP
	POP3 string // likewise

	Rate      float64       // built-in traffic, messages a second; 0 is none
	Duration  time.Duration // 0 is until interrupted
	Drain     time.Duration // how long mail is taken after that, while /ready answers 503
	User      string        // who may log in, and whose mailbox there is
	Password  string
	Spool     string       // the directory of the queue; "" is a temporary one
	Relayhost string       // host:port of the server of the same fleet that gets all mail; "" delivers it here
	Fleet     netip.Prefix // where servers of the same fleet bring mail from; none if it is not valid
	Trouble   string       // where trouble is switched on and off; host:port, "" for nowhere

	// backoff is the pause after each failed attempt but the last.
	backoff []time.Duration
	// hold is how long mail that somebody is to look at is kept back.
	hold time.Duration
}

// Default is the configuration without flags; begin with it to make another.
func Default() Config {
	return Config{
		HTTP: "127.0.0.1:9090", SMTP: "127.0.0.1:2525",
		IMAP: "127.0.0.1:1143", JMAP: "127.0.0.1:8081", POP3: "127.0.0.1:1110",
		Rate: 5, Drain: 5 * time.Second, User: "demo", Password: "demo",
		// A real server waits minutes, then hours.
		backoff: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
		hold:    2 * time.Second,
	}
}

const maxRate = 1000

// ParseFlags reads the command line. The error names the flag, its value and
// what is allowed; it is [flag.ErrHelp] when help is asked for.
func ParseFlags(args []string) (Config, error) {
	c := Default()
	err := flags.Parse(newFlagSet(&c), args)
	return c, err
}

// Usage writes the flags with their defaults.
func Usage(w io.Writer) {
	c := Default()
	fmt.Fprint(w, "Usage: otelmail demo [flags]\n\n"+
		"Runs a small mail server on this machine, instrumented with otelmail, and sends it mail and reads it.\n\n")
	flags.Print(w, newFlagSet(&c))
}

func newFlagSet(c *Config) *flag.FlagSet {
	set := flags.New("demo")
	set.Var((*address)(&c.HTTP), "http", "`host:port` of the page, which is on this machine alone, and of /metrics, /health, /ready and /live; port 0 takes a free one")
	set.Var((*address)(&c.SMTP), "smtp", "`host:port` of the mail server; port 0 takes a free one")
	set.Var((*address)(&c.IMAP), "imap", "`host:port` of IMAP; port 0 takes a free one")
	set.Var((*address)(&c.JMAP), "jmap", "`host:port` of JMAP, over HTTP; port 0 takes a free one")
	set.Var((*address)(&c.POP3), "pop3", "`host:port` of POP3; port 0 takes a free one")
	set.Var((*rate)(&c.Rate), "rate", "`messages` a second of built-in traffic, or as many as the machine can deliver, with users who read them; 0 for none")
	set.Var((*duration)(&c.Duration), "duration", "how `long` to run, like 20s or 5m; 0 is until interrupted")
	set.Var((*duration)(&c.Drain), "drain", "how `long` mail is still taken while /ready answers 503, before sessions end; 0 for not")
	set.Var((*userName)(&c.User), "user", "`name` of the mailbox and of who may log in")
	set.Var((*password)(&c.Password), "password", "`password` of that user")
	set.StringVar(&c.Spool, "spool", c.Spool, "`directory` of the queue, kept over a restart; empty is a temporary one")
	set.Var((*loopback)(&c.Trouble), "trouble", "`host:port` on this machine where trouble is switched on and off; all else is then well, and port 0 takes a free one. Empty is nowhere")
	set.Var((*optional)(&c.Relayhost), "relayhost", "`host:port` of the next server of the same fleet, which gets all mail, with its trace; empty delivers it here")
	set.Var((*network)(&c.Fleet), "fleet", "`network` of such servers, like 127.0.0.0/8: they may relay, and the trace of their mail goes on here; empty is nobody")
	return set
}

// The types of the flags refuse what is wrong and say what is allowed; package
// flag adds the flag's name and the value.
type (
	address  string
	optional string
	network  netip.Prefix
	loopback string
	rate     float64
	duration time.Duration
	userName string
	password string
)

func (a *address) String() string { return string(*a) }

func (a *address) Set(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("want host:port with a port from 0 to 65535, like 127.0.0.1:2525")
	}
	*a = address(s)
	return nil
}

func (o *optional) String() string { return string(*o) }

func (o *optional) Set(s string) error {
	if s != "" {
		if err := (*address)(o).Set(s); err != nil {
			return err
		}
	}
	*o = optional(s)
	return nil
}

func (n *network) String() string {
	if p := netip.Prefix(*n); p.IsValid() {
		return p.String()
	}
	return ""
}

func (n *network) Set(s string) error {
	p, err := netip.ParsePrefix(s)
	if s != "" && err != nil {
		return errors.New("want a network like 127.0.0.0/8, or nothing for nobody")
	}
	*n = network(p.Masked())
	return nil
}

func (l *loopback) String() string { return string(*l) }

func (l *loopback) Set(s string) error {
	var a address
	host, _, _ := net.SplitHostPort(s)
	ip := net.ParseIP(host)
	if s != "" && (a.Set(s) != nil || host != "localhost" && !ip.IsLoopback()) {
		return errors.New("want host:port of this machine alone, like 127.0.0.1:9099, or nothing for nowhere")
	}
	*l = loopback(s)
	return nil
}

func (r *rate) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }

func (r *rate) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > maxRate {
		return fmt.Errorf("want a number from 0 to %d", maxRate)
	}
	*r = rate(v)
	return nil
}

func (d *duration) String() string { return time.Duration(*d).String() }

func (d *duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return errors.New("want a duration like 20s or 5m, or 0")
	}
	*d = duration(v)
	return nil
}

func (u *userName) String() string { return string(*u) }

// The name becomes the local part of an address, so quoting is kept out.
var userNames = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func (u *userName) Set(s string) error {
	if !userNames.MatchString(s) {
		return errors.New("want 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit")
	}
	*u = userName(s)
	return nil
}

func (p *password) String() string { return string(*p) }

func (p *password) Set(s string) error {
	if s == "" || len(s) > 128 {
		return errors.New("want 1 to 128 bytes")
	}
	*p = password(s)
	return nil
}
