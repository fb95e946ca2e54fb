package demo

import (
	"context"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health"
)

// troubled is a demo that is well, whose troubles can be switched on.
func troubled() Config {
	c := quick()
	c.Trouble = "127.0.0.1:0"
	return c
}

// change asks the switch, and returns what it answers.
func change(t *testing.T, d *Demo, method, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.ports.trouble.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, _, text, err := exchange(request, 0)
	if err != nil {
		t.Fatal(err)
	}
	return status, string(text)
}

func begins(t *testing.T, d *Demo, name string) {
	t.Helper()
	for range 2 { // the second time there is nothing to do
		if status, body := change(t, d, http.MethodPut, "/trouble/"+name); status != http.StatusOK || body != name+" is on\n" {
			t.Fatalf("%s: %d %s", name, status, body)
		}
	}
}

func ends(t *testing.T, d *Demo, name string) {
	t.Helper()
	for range 2 {
		if status, body := change(t, d, http.MethodDelete, "/trouble/"+name); status != http.StatusOK || body != name+" is off\n" {
			t.Fatalf("%s: %d %s", name, status, body)
		}
	}
}

// TestTroubleMadeByClients shows in its series while it lasts, and moves nothing afterwards.
func TestTroubleMadeByClients(t *testing.T) {
	for name, series := range map[string][][]string{
		"passwords": {{"ratelimit_total", "auth", "delay"}, {"auth_attempts_total", "imap", "LOGIN", "failure"}, {"auth_attempts_total", "pop3", "PASS", "failure"}},
		"stolen":    {{"smtp_auth_success_total"}, {"smtp_messages_sent_total"}},
		"overload":  {{"smtp_connections_rejected_overload_total"}, {"rejections_total", "mx", "connect", "4xx", "system", "ours"}},
		"panics":    {{"panics_total", "stage"}},
		"tls":       {{"plaintext_fallback_total"}},
		"bounces":   {{"mail_bounced_total"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := running(t, troubled())
			begins(t, d, name)
			moved := func(of []string) int64 {
				n, err := d.tel.Value(of[0], of[1:]...)
				if err != nil {
					return 0 // there from its first event on
				}
				return n
			}
			for _, s := range series {
				eventually(t, strings.Join(s, " ")+" moves", func() bool { return moved(s) > 1 })
			}
			ends(t, d, name)
			idle(t, d)
			before := make([]int64, len(series))
			for i, s := range series {
				before[i] = moved(s)
			}
			time.Sleep(time.Second) // in which five more clients would have come
			for i, s := range series {
				if after := moved(s); after != before[i] {
					t.Errorf("%v: %d more after the end", s, after-before[i])
				}
			}
		})
	}
}

func TestNobodyCanLogIn(t *testing.T) {
	d := running(t, troubled())
	clients := map[string]client{"smtp": outbound, "imap": reader, "pop3": popReader, "jmap": jmapReader}
	begins(t, d, "logins")
	for protocol, c := range clients {
		if err := c.call(d.traffic, t.Context(), 0); err == nil {
			t.Errorf("%s: logged in", protocol)
		}
	}
	for _, of := range [][]string{{"smtp", "PLAIN"}, {"imap", "LOGIN"}, {"pop3", "PASS"}} {
		if got := value(t, d, "auth_attempts_total", of[0], of[1], "error"); got != 1 {
			t.Errorf("%v: %d errors", of, got)
		}
	}
	ends(t, d, "logins")
	for protocol, c := range clients {
		if err := c.call(d.traffic, t.Context(), 0); err != nil {
			t.Errorf("%s: %v", protocol, err)
		}
	}
	idle(t, d)
}

func TestTheQueueIsHeld(t *testing.T) {
	d := running(t, troubled())
	begins(t, d, "queue")
	for n := range 3 {
		if err := d.traffic.sendInbound(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if it := d.queue.take(t.Context(), beatEvery); it != nil { // in which the workers look, too
		t.Errorf("%s is handed out", it.ID)
	}
	if got := onPage(t, d, `rusmes_queue_messages{state="ready"}`); got != 3 || value(t, d, delivered) != 0 {
		t.Errorf("%v wait, %d delivered", got, value(t, d, delivered))
	}
	ends(t, d, "queue")
	idle(t, d)
	if got := value(t, d, delivered); got != 3 {
		t.Errorf("%d delivered", got)
	}
}

func TestTheOtherServerIsAway(t *testing.T) {
	d := running(t, troubled())
	begins(t, d, "outbound")
	if err := d.traffic.sendOutbound(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	idle(t, d)
	compare(t, d, counts{retries: 3, bounced: 1, sent: 0, "outbound_connect_failures_total refused": 4})
	ends(t, d, "outbound")
	if err := d.traffic.sendOutbound(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	idle(t, d)
	compare(t, d, counts{retries: 3, bounced: 1, sent: 1})
}

// TestTheSpoolIsAway: mail is refused, the check fails, and what was accepted is delivered once.
func TestTheSpoolIsAway(t *testing.T) {
	c := troubled()
	c.Spool = filepath.Join(t.TempDir(), "spool")
	d := running(t, c)
	begins(t, d, "queue") // so that something is in the spool
	if err := d.traffic.sendInbound(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	begins(t, d, "storage")
	ends(t, d, "queue")
	check := health.WriteReadBack(d.spool.dir)
	if err := refusedWith(452, d.traffic.sendInbound(t.Context(), 2), textCode); err != nil {
		t.Error(err)
	}
	if check(t.Context()) == nil {
		t.Error("the check holds")
	}
	compare(t, d, counts{received: 1, refused: 1, delivered: 0, queueSize: 1})
	ends(t, d, "storage")
	idle(t, d)
	if err := check(t.Context()); err != nil {
		t.Error(err)
	}
	compare(t, d, counts{received: 1, refused: 1, delivered: 1})
	if left := files(t, c.Spool); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func TestTheHostIsInTrouble(t *testing.T) {
	d := running(t, troubled())
	const until, listed = `rusmes_certificate_not_after_timestamp_seconds{listener="smtp"}`, `rusmes_dnsbl_listed{zone="bl.example"}`
	shows := func(valid time.Duration, addresses float64) {
		t.Helper()
		eventually(t, "certificate and block list show", func() bool {
			left := onPage(t, d, until) - float64(time.Now().Unix())
			return math.Abs(left-valid.Seconds()) < 600 && onPage(t, d, listed) == addresses
		})
	}
	shows(90*day, 0)
	begins(t, d, "certificate")
	begins(t, d, "blocklist")
	shows(day/2, 1)
	ends(t, d, "certificate")
	ends(t, d, "blocklist")
	shows(90*day, 0)
}

// TestNoRealDiskIsFilled: only a small one is.
func TestNoRealDiskIsFilled(t *testing.T) {
	d := running(t, troubled())
	status, body := change(t, d, http.MethodPut, "/trouble/disk")
	if status == http.StatusOK {
		ends(t, d, "disk")
		t.Skip("the temporary directory is on a small file system")
	}
	if runtime.GOOS == "linux" && (status != http.StatusConflict || !strings.Contains(body, d.spool.dir) || !strings.Contains(body, "at most 1024 MiB")) {
		t.Errorf("%d %s", status, body)
	}
	if _, list := change(t, d, http.MethodGet, "/trouble"); strings.Contains("\n"+list, "\non ") {
		t.Errorf("something is on:\n%s", list)
	}
	if left := files(t, d.spool.dir); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func TestTheSwitch(t *testing.T) {
	d := running(t, troubled())
	status, list := change(t, d, http.MethodGet, "/trouble")
	for _, which := range d.troubles.all {
		if status != http.StatusOK || !strings.Contains(list, "off  "+which.name+" ") || !strings.Contains(list, which.says) {
			t.Errorf("%s: %d\n%s", which.name, status, list)
		}
	}
	begins(t, d, "logins")
	if _, list := change(t, d, http.MethodGet, "/trouble"); !strings.Contains(list, "on   logins ") || strings.Count(list, "off  ") != len(d.troubles.all)-1 {
		t.Errorf("only logins is on, says\n%s", list)
	}
	for _, wrong := range []struct{ method, path, want string }{
		{http.MethodPut, "/trouble/fire", `"fire" is not allowed: want one of overload, logins, `},
		{http.MethodDelete, "/trouble/fire", `"fire" is not allowed`},
		{http.MethodPut, "/trouble/%00%ff" + strings.Repeat("x", 5000), `"\x00\xffxxx`},
		{http.MethodPut, "/trouble", "want GET /trouble"},
		{http.MethodPost, "/trouble/logins", "PUT /trouble/NAME"},
		{http.MethodGet, "/trouble/logins", "DELETE /trouble/NAME"},
		{http.MethodGet, "/", "want GET /trouble"},
	} {
		status, body := change(t, d, wrong.method, wrong.path)
		if status != http.StatusNotFound || !strings.Contains(body, wrong.want) || len(body) > 500 {
			t.Errorf("%s %.50s: %d %s", wrong.method, wrong.path, status, body)
		}
	}
}

// TestTroubleIsDocumented: docs/alerts.md has a row for each, in the same order.
func TestTroubleIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| trouble | is | look for |\n|---|---|---|\n")
	rows := strings.Split(table, "\n")
	for i, which := range (&Demo{}).kindsOfTrouble() {
		if i >= len(rows) || !strings.HasPrefix(rows[i], "| `"+which.name+"` | ") {
			t.Errorf("no row for %s", which.name)
		}
	}
}

// TestTroubleEndsWithTheDemo, whatever is on.
func TestTroubleEndsWithTheDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := runtime.NumGoroutine()
	d := begin(t, troubled())
	for _, which := range d.troubles.all {
		if which.name != "disk" {
			begins(t, d, which.name)
		}
	}
	stop(t, d)
	if err := d.troubles.on(context.Background(), d.troubles.all[0]); err == nil {
		t.Error("trouble begins after the end")
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	if left := files(t, os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestWellButForTrouble: the traffic of a demo with a switch is that of one without, but for what is
// trouble itself.
func TestWellButForTrouble(t *testing.T) {
	all, well := quick().schedule(), troubled().schedule()
	if len(all) != len(schedule) || len(well) != len(all)-4 {
		t.Errorf("%d clients without trouble, %d with", len(well), len(all))
	}
	if d := running(t, quick()); d.troubles.server != nil {
		t.Error("a switch that nobody asked for")
	}
}
