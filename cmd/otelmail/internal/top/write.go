package top

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// status is what is shown of GET /api/v1/status.
type status struct {
	Time     time.Time
	Sentence string
	Service  struct{ Name, Version string }
	Rates    struct {
		In            float64
		Out           float64
		Local         float64 `json:"out_local"`
		Remote        float64 `json:"out_remote"`
		Deferred      float64
		Failed        float64
		Bounced       float64
		RefusedOurs   float64 `json:"refused_ours"`
		RefusedTheirs float64 `json:"refused_theirs"`
	}
	Latency []struct {
		Of  string
		P50 *float64 `json:"p50_seconds"`
		P99 *float64 `json:"p99_seconds"`
	}
	Queue struct {
		States []struct {
			State    string
			Messages int64
			Bytes    int64
			Oldest   float64 `json:"oldest_seconds"`
		}
	}
	Logins []struct {
		Protocol  string
		Good, Bad float64
	}
	Sessions []struct {
		Protocol string
		Open     int64
	}
	Checks []struct {
		Name, State, Error string
		Since              *time.Time
	}
	Certificates []struct {
		Listener string
		Days     float64 `json:"days_left"`
	}
	Disks []struct {
		Path string
		Free *float64 `json:"free_ratio"`
	}
	Telemetry []struct {
		Signal                 string
		Sent, Waiting, Dropped int64
	}
}

const timeFormat = "2006-01-02 15:04:05 MST"

// write shows it on a screen of 80 columns.
func (s *status) write(out io.Writer, server string) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	defer w.Flush() // into a strings.Builder, which refuses nothing
	line := func(cells ...any) {
		texts := make([]string, len(cells))
		for i, cell := range cells {
			texts[i] = printable(fmt.Sprint(cell))
		}
		fmt.Fprintln(w, strings.Join(texts, "\t"))
	}
	part := func(cells ...any) {
		fmt.Fprintln(w)
		line(cells...)
	}
	rate := func(v float64) string { return fmt.Sprintf("%.0f/min", v) }

	fmt.Fprintf(w, "%s %s  %s  %s\n\n%s\n", printable(s.Service.Name), printable(s.Service.Version), server, s.Time.Local().Format(timeFormat), printable(s.Sentence))
	r := s.Rates
	part("IN", "OUT", "LOCAL", "REMOTE", "DEFERRED", "FAILED", "BOUNCED")
	line(rate(r.In), rate(r.Out), rate(r.Local), rate(r.Remote), rate(r.Deferred), rate(r.Failed), rate(r.Bounced))
	part("REFUSED, OURS", "THEIRS")
	line(rate(r.RefusedOurs), rate(r.RefusedTheirs))
	part("LATENCY", "P50", "P99")
	for _, l := range s.Latency {
		line(l.Of, seconds(l.P50), seconds(l.P99))
	}
	part("QUEUE", "MESSAGES", "BYTES", "OLDEST")
	for _, q := range s.Queue.States {
		line(q.State, q.Messages, q.Bytes, seconds(&q.Oldest))
	}
	part("SESSIONS", "OPEN", "LOGINS/H", "FAILED/H")
	for i, one := range s.Sessions {
		if i < len(s.Logins) {
			line(one.Protocol, one.Open, s.Logins[i].Good, s.Logins[i].Bad)
		}
	}
	part("CHECK", "STATE", "FOR", "")
	for _, c := range s.Checks {
		var age *float64
		if c.Since != nil {
			so := max(0, s.Time.Sub(*c.Since).Seconds())
			age = &so
		}
		line(c.Name, c.State, seconds(age), c.Error)
	}
	if len(s.Certificates)+len(s.Disks) > 0 {
		part("CERTIFICATE, DISK", "LEFT")
	}
	for _, c := range s.Certificates {
		line(c.Listener, fmt.Sprintf("%.1f d", c.Days))
	}
	for _, d := range s.Disks {
		if d.Free != nil {
			line(d.Path, fmt.Sprintf("%.1f %%", *d.Free*100))
		}
	}
	part("TELEMETRY", "SENT", "WAITING", "DROPPED")
	for _, t := range s.Telemetry {
		line(t.Signal, t.Sent, t.Waiting, t.Dropped)
	}
}

func seconds(v *float64) string {
	switch {
	case v == nil:
		return "-"
	case *v < 10:
		return fmt.Sprintf("%.3f s", *v)
	}
	return time.Duration(*v * float64(time.Second)).Round(time.Second).String()
}

// printable keeps what a stranger wrote from moving the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
