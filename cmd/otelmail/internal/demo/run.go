package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Run runs the demo until ctx ends or the configured time is up, drains it and
// prints a summary. stdout gets what is for people; the log goes where RUSMES_LOG_OUTPUT
// says. The error says why it did not start.
func Run(ctx context.Context, c Config, stdout io.Writer) error {
	d, err := Start(ctx, c)
	if err != nil {
		return err
	}
	slog.SetDefault(d.local) // for what libraries log by themselves: package log follows
	d.welcome(stdout)
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	if isTerminal(stdout) {
		d.showTotals(ctx, stdout)
	}
	<-ctx.Done()
	fmt.Fprintf(stdout, "\nDraining: /ready answers 503, mail is taken for %v more, then sessions end and what is due is delivered. Interrupt again to end at once.\n", c.Drain)
	took := time.Since(d.began)
	d.summary(stdout, took, d.Stop())
	return nil
}

// quiet is the environment with a log level of warn where there is none: at info a line for
// each step of each message would push the totals away. What is pushed over OTLP begins
// at info all the same.
func quiet(name string) (string, bool) {
	value, set := os.LookupEnv(name)
	if name == "RUSMES_LOG_LEVEL" && value == "" {
		return "warn", true
	}
	return value, set
}

// tryJMAP is a request to try; the account is still to be filled in.
const tryJMAP = `{"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":[["Mailbox/get",{"accountId":"%s"},"0"]]}`

func (d *Demo) welcome(w io.Writer) {
	mx := d.ports.mx.Addr().String()
	fmt.Fprintf(w, "otelmail demo: a mail server for %s on this machine\n\n", localDomain)
	if web := d.web.Addr(); web != nil && d.private() {
		fmt.Fprintf(w, "  look at it         http://%s/\n", web)
	}
	fmt.Fprintf(w, "  SMTP               %s   STARTTLS; log in as %s with the password %s\n", mx, d.config.User, d.config.Password)
	fmt.Fprintf(w, "  SMTP over TLS      %s\n", d.ports.submissions.Addr())
	fmt.Fprintf(w, "  the other domains  %s   reject…@, defer…@, always-defer…@ and hold…@ do what they say\n", d.remote.address)
	fmt.Fprintf(w, "  IMAP               %s   STARTTLS; the same name and password here, for JMAP and for POP3\n", d.ports.imap.Addr())
	fmt.Fprintf(w, "  JMAP               http://%s/.well-known/jmap\n", d.ports.jmap.Addr())
	fmt.Fprintf(w, "  POP3               %s   STLS\n", d.ports.pop3.Addr())
	fmt.Fprintf(w, "  POP3 over TLS      %s\n", d.ports.pop3s.Addr())
	if web := d.web.Addr(); web != nil {
		fmt.Fprintf(w, "  metrics            http://%s/metrics\n", web)
		fmt.Fprintf(w, "  probes             http://%s/health /ready /live\n", web)
	} else {
		fmt.Fprintln(w, "  metrics            off (RUSMES_METRICS_ENABLED=false)")
	}
	if l := d.ports.trouble; l != nil {
		fmt.Fprintf(w, "  trouble            http://%s/trouble\n", l.Addr())
	}
	fmt.Fprintf(w, "  queue              %s", d.spool.dir)
	if d.spool.temporary {
		fmt.Fprint(w, "   removed at the end")
	}
	fmt.Fprintf(w, "\n  traffic            %g messages a second\n\n", d.config.Rate)
	fmt.Fprintln(w, "Try:")
	if web := d.web.Addr(); web != nil {
		fmt.Fprintf(w, "  curl -s http://%s/metrics | grep ^rusmes_\n", web)
	}
	fmt.Fprintf(w, "  swaks --server %s --from you@home.example --to %s@%s\n", mx, d.config.User, localDomain)
	fmt.Fprintf(w, "  swaks --server %s -tls --auth-user %s --auth-password %s --from %s@%s --to defer-1@partner.example\n",
		mx, d.config.User, d.config.Password, d.config.User, localDomain)
	user := d.config.User + ":" + d.config.Password
	fmt.Fprintf(w, "  curl -s -u %s 'imap://%s/INBOX;MAILINDEX=1'\n", user, d.ports.imap.Addr())
	fmt.Fprintf(w, "  curl -s -u %s pop3://%s/1\n", user, d.ports.pop3.Addr())
	fmt.Fprintf(w, "  curl -s -u %s http://%s/.well-known/jmap\n", user, d.ports.jmap.Addr())
	fmt.Fprintf(w, "  curl -s -u %s -H 'Content-Type: application/json' http://%s/jmap/api -d '"+tryJMAP+"'\n", user, d.ports.jmap.Addr(), d.config.User)
	if l := d.ports.trouble; l != nil {
		fmt.Fprintf(w, "  curl http://%s/trouble   lists what can go wrong; -X PUT .../trouble/outbound begins it, -X DELETE ends it\n", l.Addr())
	}
	fmt.Fprintln(w, "  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 otelmail demo   pushes metrics, traces and logs")
	fmt.Fprintln(w)
}

// showEvery is how often a terminal gets the totals.
const showEvery = 5 * time.Second

// showTotals prints them now and then until ctx ends.
func (d *Demo) showTotals(ctx context.Context, w io.Writer) {
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fmt.Fprint(w, d.totals())
		}
	}
}

// isTerminal keeps the running totals out of files and pipes.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
