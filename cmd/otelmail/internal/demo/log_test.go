package demo

import (
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/rusmes/otelmail"
)

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// Each step of a message is a line with its trace, and no line names anybody.
func TestTheLogFollowsMessagesAndNamesNobody(t *testing.T) {
	var log lines
	local := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	d, err := Start(t.Context(), quick(), otelmail.WithLogHandler(local), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(noEnvironment))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, d) })
	for i, e := range effects {
		if err := e.client.call(d.traffic, t.Context(), i); err != nil {
			t.Errorf("%s: %v", e.client.name, err)
		}
	}
	idle(t, d)
	said := map[string]int{}
	for _, line := range log.all() {
		if strings.Contains(line, "@") {
			t.Errorf("an address in the log: %s", line)
		}
		var record struct {
			Message string `json:"msg"`
			Trace   string `json:"trace_id"`
			ID      string `json:"id"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if record.ID != "" && record.Trace == "" {
			t.Errorf("outside of every span: %s", line)
		}
		said[record.Message]++
	}
	for what, n := range map[string]int64{
		"accepted":  value(t, d, received),
		"delivered": value(t, d, delivered),
		"deferred":  5, // 2 and 3 times
		"bounced":   value(t, d, bounced),
		"dropped":   value(t, d, dropped),
		"failed":    2, // rejected, and deferred once too often
	} {
		if int64(said[what]) != n {
			t.Errorf("%q stands %d times in the log, want %d", what, said[what], n)
		}
	}
}

// A stranger's domain that is none is not repeated.
func TestTheLogShowsDomainsAlone(t *testing.T) {
	var log lines
	d := running(t, quick(), otelmail.WithLogHandler(slog.NewTextHandler(&log, nil)))
	for _, domain := range []string{"b\xff\xfe.example", "b\u202e.example", strings.Repeat("x", 300)} {
		talk(t, d.ports.mx.Addr().String(), "EHLO here", "MAIL FROM:<a@"+domain+">",
			"RCPT TO:<"+d.config.User+"@"+localDomain+">", "DATA", "Subject: x\r\n\r\nx\r\n.")
	}
	talk(t, d.ports.mx.Addr().String(), "EHLO here", "MAIL FROM:<a@bücher.example> SMTPUTF8",
		"RCPT TO:<"+d.config.User+"@"+localDomain+">", "DATA", "Subject: x\r\n\r\nx\r\n.")
	idle(t, d)
	text := strings.Join(log.all(), "\n")
	if n := strings.Count(text, "from=_other"); n == 0 || strings.Contains(text, `\xff`) || strings.Contains(text, `\u202e`) || strings.Contains(text, "xxxx") {
		t.Errorf("the log has _other %d times:\n%s", n, text)
	}
	for domain, want := range map[string]string{
		"": "", "partner.example": "partner.example", "bücher.example": "bücher.example", "[192.0.2.1]": "[192.0.2.1]", "[ipv6:2001:db8::1]": "[ipv6:2001:db8::1]",
		"b\xff": "_other", "a b": "_other", "a\nb": "_other", "a\u202eb": "_other", "<a>": "_other", strings.Repeat("x", 254): "_other",
	} {
		if got := shown(domain); got != want {
			t.Errorf("%q is shown as %q, want %q", domain, got, want)
		}
	}
}
