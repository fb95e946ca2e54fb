package integration

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/mailconv"
)

// TestTheFirstEventOfASeries is what docs/series.md says of series that appear with their first
// event: increase() does not see what they begin with, in whatever format the page is read, and
// the query of docs/series.md does. Created timestamps help native histograms alone.
func TestTheFirstEventOfASeries(t *testing.T) {
	t.Parallel()
	begun := time.Now().Add(-time.Minute)
	var producer sdkmetric.Producer
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithLogHandler(slog.NewTextHandler(io.Discard, nil)),
		otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
			producer = p.NewReader(sdkmetric.CumulativeTemporalitySelector, true)
			return nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	page, exponential := servePage(t, tel.Reader()), servePage(t, producer)
	servers := map[string]*peer.Prometheus{
		"as usual":                startScraper(t, page, exponential),
		"with created timestamps": startScraper(t, page, exponential, peer.WithFlags("--enable-feature=created-timestamp-zero-ingestion")),
	}
	const first, all = 5, 8
	session := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	refuse := func(times int) {
		for range times {
			session.Command(mailconv.SMTPRcpt).End(otelmail.Reply{Code: 550})
		}
	}
	for _, server := range servers {
		waitForScrapes(t, server, 8)
	}
	refuse(first)
	for _, server := range servers {
		wantEveryJob(t, server, first)
	}
	refuse(all - first)
	for name, server := range servers {
		wantEveryJob(t, server, all)
		w := window{server, begun, scrapedUntilNow(t, server)}
		for _, job := range []string{"text", "openmetrics", "protobuf", "native"} {
			there, appears := `rusmes_smtp_errors_total{job="`+job+`"}`, `rusmes_rejections_total{job="`+job+`"}`
			duration, part := `rusmes_command_duration_seconds_count{job="`+job+`"}`, values[0]
			if job == "native" {
				duration, part = `rusmes_command_duration_seconds{job="`+job+`"}`, native[0]
			}
			w.wantFirst(t, name, there, values[0], true)
			w.wantFirst(t, name, appears, values[0], false)
			// A created timestamp is a 0 at the start of the process.
			w.wantFirst(t, name, duration, part, job == "native" && name == "with created timestamps")
			w.wantWhole(t, name, appears, all)
		}
		if created := server.Query(`{__name__=~".+_created"}`); len(created) > 0 {
			t.Errorf("%s: there are %+v", name, created)
		}
	}
}

// wantEveryJob waits until each job has stored so many refusals.
func wantEveryJob(t *testing.T, server *peer.Prometheus, want float64) {
	t.Helper()
	peer.Eventually(t, patience, func() error {
		got := server.Query("rusmes_rejections_total")
		if len(got) != len(pageFormats)+1 {
			return fmt.Errorf("%d jobs have seen a refusal", len(got))
		}
		for _, s := range got {
			if s.Value != want {
				return fmt.Errorf("the job %s has seen %v refusals, want %v", s.Labels["job"], s.Value, want)
			}
		}
		return nil
	})
}

// wantFirst wants a series to begin at 0, or not, and increase() to say what its formula says of
// the samples from there on.
func (w window) wantFirst(t *testing.T, name, series string, p part, at0 bool) {
	t.Helper()
	selector := fmt.Sprintf("%s[%dms]", series, w.end.Sub(w.start).Milliseconds())
	samples, increase := w.server.Samples(w.end, selector), w.server.QueryAt(w.end, "increase("+selector+")")
	if len(samples) != 1 || len(increase) != 1 {
		t.Errorf("%s: %d series of %s, and increase() says %v", name, len(samples), series, increase)
		return
	}
	if got := p.of(samples[0].Samples[0]); (got == 0) != at0 {
		t.Errorf("%s: %s begins with %v; want 0: %t", name, series, got, at0)
	}
	if says, _ := increaseOf(samples[0].Samples, w.start, w.end, p.of); !nearly(p.of(increase[0]), says) {
		t.Errorf("%s: increase() of %s is %v, want %v", name, series, p.of(increase[0]), says)
	}
}

// wantWhole wants the query of docs/series.md to count a series from its first event on.
func (w window) wantWhole(t *testing.T, name, series string, want float64) {
	t.Helper()
	const documented = "(x unless x offset 1h) or increase(x[1h])"
	page, err := os.ReadFile(filepath.Join("..", "docs", "series.md"))
	if err != nil || !strings.Contains(string(page), documented) {
		t.Errorf("docs/series.md does not say %s: %v", documented, err)
	}
	query := strings.NewReplacer("x", series, "1h", fmt.Sprintf("%dms", w.end.Sub(w.start).Milliseconds())).
		Replace(documented)
	if got := w.server.QueryAt(w.end, query); len(got) != 1 || got[0].Value != want {
		t.Errorf("%s: %s is %+v, want %v", name, query, got, want)
	}
}
