package demo

import (
	"fmt"
	"math"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// onPage reads a series of /metrics, 0 if it is not there.
func onPage(t *testing.T, d *Demo, series string) float64 {
	t.Helper()
	_, page := get(t, "http://"+d.web.Addr().String()+"/metrics")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(page)
	if found == nil {
		return 0
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTheHostIsWatched: the page shows what was made: a certificate of ten days, the disk
// of the spool, one address of two on the block list, which the demo's DNS serves.
func TestTheHostIsWatched(t *testing.T) {
	d := running(t, quick())
	ends := d.began.AddDate(0, 0, 10)
	eventually(t, "the certificate's end shows", func() bool {
		return math.Abs(onPage(t, d, `rusmes_certificate_not_after_timestamp_seconds{listener="smtp"}`)-float64(ends.Unix())) < 120
	})
	eventually(t, "the block list shows one of our addresses", func() bool {
		return onPage(t, d, `rusmes_dnsbl_listed{zone="bl.example"}`) == 1
	})
	for _, result := range []string{"listed", "not_listed"} {
		if got := onPage(t, d, `rusmes_dnsbl_lookup_duration_seconds_count{result="`+result+`",zone="bl.example"}`); got != 1 {
			t.Errorf("%v lookups are %s, want 1", got, result)
		}
	}
	eventually(t, "a renewal was refused", func() bool { return value(t, d, "acme_errors_total", "unauthorized") == 1 })
	if free := onPage(t, d, `rusmes_disk_free_ratio{path="spool"}`); (runtime.GOOS == "linux" || runtime.GOOS == "darwin") && (free <= 0 || free > 1) {
		t.Errorf("%v of the disk is free", free)
	}
}

// TestAuthenticationResults counts what SPF and DKIM say of mail whose sender's domain says
// so in the DNS.
func TestAuthenticationResults(t *testing.T) {
	d := running(t, quick())
	bring := func(from string, message []byte) {
		t.Helper()
		if err := d.traffic.bring(t.Context(), from, d.traffic.own(), message); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		for _, from := range []string{"a@shop.example", "b@club.example", "c@news.example", "d@lottery.example", "e@nowhere.example", "f@refused.example"} {
			message, err := d.signer.sign(from, letter(n, from, d.traffic.own(), "Good morning."))
			if err != nil {
				t.Fatal(err)
			}
			bring(from, message)
		}
	}
	from := "a@shop.example"
	message, err := d.signer.sign(from, letter(1, from, d.traffic.own(), "Good morning."))
	if err != nil {
		t.Fatal(err)
	}
	bring(from, append(message, "Forged.\r\n"...))
	idle(t, d)
	for _, want := range []struct {
		method, result string
		n              int64
	}{
		{"spf", "pass", 3}, {"spf", "softfail", 2}, {"spf", "neutral", 2}, {"spf", "fail", 2}, {"spf", "none", 2}, {"spf", "temperror", 2},
		{"dkim", "pass", 2}, {"dkim", "none", 10}, {"dkim", "fail", 1},
		{"spf", "other", 0}, {"dkim", "other", 0}, {"dkim", "permerror", 0},
	} {
		if got := value(t, d, "authentication_results_total", want.method, want.result); got != want.n {
			t.Errorf("%s %s: %d, want %d", want.method, want.result, got, want.n)
		}
	}
}

// TestAStolenAccount: its messages and its networks show under one hash.
func TestAStolenAccount(t *testing.T) {
	d := running(t, quick())
	const messages = 5
	for n := range messages {
		if err := d.traffic.sendStolen(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.traffic.sendInbound(t.Context(), 0); err != nil { // nobody has logged in
		t.Fatal(err)
	}
	idle(t, d)
	_, page := get(t, "http://"+d.web.Addr().String()+"/metrics")
	for _, want := range []string{
		fmt.Sprintf(`rusmes_messages_per_sender_total\{user_hash="[0-9a-f]{16}"\} %d`, messages),
		`rusmes_messages_per_sender_total\{user_hash="_other"\} 0`,
		`rusmes_sender_networks\{user_hash="[0-9a-f]{16}"\} [15]`, // some systems have but one loopback address
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(page) {
			t.Errorf("not on the page: %s", want)
		}
	}
}

// TestVerdictsAndPanics: a filter that panics over every spam loses none of it.
func TestVerdictsAndPanics(t *testing.T) {
	d := running(t, quick())
	const n = 3
	for i := range n {
		if err := d.traffic.sendOdd(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if err := d.traffic.sendInbound(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, d)
	for _, want := range [][]string{{"spam_verdicts_total", "reject"}, {"spam_verdicts_total", "accept"}, {"panics_total", "stage"}} {
		if got := value(t, d, want[0], want[1]); got != n {
			t.Errorf("%v: %d, want %d", want, got, n)
		}
	}
	if got := value(t, d, "mail_dropped_total"); got != n {
		t.Errorf("%d dropped, want %d", got, n)
	}
}

// TestASenderIsThrottled asks the limit itself: how fast a test sends is not known.
func TestASenderIsThrottled(t *testing.T) {
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(noEnvironment))
	if err != nil {
		t.Fatal(err)
	}
	defer tel.Shutdown(t.Context())
	l := newPace(tel, otelmail.LimiterSender, time.Hour)
	for range 4 {
		l.wait("demo")
	}
	if got, err := tel.Value("ratelimit_total", "sender", "delay"); err != nil || got != 3 {
		t.Errorf("%d, %v: want 3 of 4 messages to wait", got, err)
	}
}

// TestTheIndexIsBehind until it is written.
func TestTheIndexIsBehind(t *testing.T) {
	x := newSubjectIndex()
	x.pending = append(x.pending, indexed{"Good morning", time.Now().Add(-90 * time.Second)})
	if lag, err := x.lag(t.Context()); err != nil || lag < 90 {
		t.Errorf("lag %d, %v", lag, err)
	}
	x.add([]byte("Subject: good evening\r\n\r\n"))
	x.write()
	if lag, _ := x.lag(t.Context()); lag != 0 || x.words["good"] != 2 {
		t.Errorf("lag %d, words %v", lag, x.words)
	}
}
