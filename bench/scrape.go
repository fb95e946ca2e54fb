package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/mailconv"
)

// prometheusAccept is what a Prometheus server of version 3 sends with a scrape.
const prometheusAccept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"

// exposition is a /metrics page that can be filled with domains.
type exposition struct {
	http.Handler
	fill func(domain string)
}

// newExposition serves the whole catalogue, with one record in each histogram.
func newExposition(ctx context.Context, domains int) (*exposition, error) {
	tel, err := start(ctx, otelmail.WithDomainLimit(domains), otelmail.WithSampleRatio(0))
	if err != nil {
		return nil, err
	}
	h, err := prometheus.NewHandler(tel.Reader())
	if err != nil {
		return nil, fmt.Errorf("make the page to measure: %w", err)
	}
	tel.Mail.Process(ctx, otelmail.MessageFacts{}).End(otelmail.FateQueued, otelmail.CauseNone)
	session := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	session.End(otelmail.CauseNone)
	data := session.Command(mailconv.SMTPData)
	data.EndMessage(accepted, "postmaster") // what a message moves is on both pages
	return &exposition{h, func(domain string) { data.EndMessage(accepted, "bob@"+domain) }}, nil
}

// newPromExposition serves the lines of a page of ours with client_golang.
func newPromExposition(ctx context.Context) (*exposition, error) {
	ours, err := newExposition(ctx, 0)
	if err != nil {
		return nil, err
	}
	registry, err := sameLines(ctx, ours)
	if err != nil {
		return nil, err
	}
	vec := prom.NewCounterVec(prom.CounterOpts{Name: "rusmes_messages_per_domain_total",
		Help: "Messages accepted, by recipient domain; a message counts once for each of its domains"}, []string{"domain"})
	if err := registry.Register(vec); err != nil {
		return nil, fmt.Errorf("register the domains with client_golang: %w", err)
	}
	return &exposition{promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}),
		func(domain string) { vec.WithLabelValues(domain).Inc() }}, nil
}

// fillDomains counts a message for each of n domains.
func (e *exposition) fillDomains(n int) {
	for i := range n {
		e.fill(fmt.Sprintf("d%06d.example.org", i))
	}
}

// scrape asks for the page once and returns its length.
func (e *exposition) scrape(ctx context.Context, encoding string) (int, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", prometheusAccept)
	r.Header.Set("Accept-Encoding", encoding)
	w := &countingWriter{header: http.Header{}, code: http.StatusOK}
	e.ServeHTTP(w, r)
	if w.code != http.StatusOK {
		return 0, fmt.Errorf("scrape: status %d, want 200", w.code)
	}
	if w.n == 0 {
		return 0, errors.New("scrape: an empty page")
	}
	return w.n, nil
}

// countingWriter takes a page without keeping it.
type countingWriter struct {
	header http.Header
	code   int
	n      int
}

func (w *countingWriter) Header() http.Header { return w.header }
func (w *countingWriter) WriteHeader(c int)   { w.code = c }
func (w *countingWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	return len(b), nil
}

// scrapeDuels compare the page with client_golang serving the same lines.
func scrapeDuels(ctx context.Context) ([]duel, error) {
	var duels []duel
	for _, size := range []struct {
		id, what string
		domains  int
		goal     float64
	}{{"scrape", "/metrics of the full catalogue", 0, 1.5}, {"scrape-2000", "/metrics with 2,000 domains", 2000, 2.5}} {
		ours, err := newExposition(ctx, size.domains)
		if err != nil {
			return nil, err
		}
		theirs, err := newPromExposition(ctx)
		if err != nil {
			return nil, err
		}
		ours.fillDomains(size.domains)
		theirs.fillDomains(size.domains)
		for _, encoding := range []string{"identity", "gzip"} {
			a, err := ours.scrape(ctx, encoding)
			if err != nil {
				return nil, err
			}
			b, err := theirs.scrape(ctx, encoding)
			if err != nil {
				return nil, err
			}
			duels = append(duels, duel{
				row: Row{ID: size.id + "-" + encoding, What: size.what + ", " + encoding, Against: "client_golang, the same lines", Goal: Goal{Ratio: size.goal},
					Note: fmt.Sprintf("OpenMetrics text without a network; pages of %s and %s. The aim is 1.", Bytes.format(float64(a)), Bytes.format(float64(b)))},
				ours: ours.loop(ctx, encoding), theirs: theirs.loop(ctx, encoding),
			})
		}
	}
	return duels, nil
}

func (e *exposition) loop(ctx context.Context, encoding string) loop {
	return func(n int) {
		for range n {
			_, _ = e.scrape(ctx, encoding) // the same scrape succeeded before
		}
	}
}

// scrapeTime returns the median time of a scrape.
func (e *exposition) scrapeTime(ctx context.Context, encoding string, times int) (time.Duration, error) {
	took := make([]float64, times)
	for i := range took {
		begun := time.Now()
		if _, err := e.scrape(ctx, encoding); err != nil {
			return 0, err
		}
		took[i] = float64(time.Since(begun))
	}
	return time.Duration(median(took)), nil
}
