package otelmailtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail/internal/sessions"
)

// MetricsOf reads /metrics from a handler in this process, such as that of
// exporters/prometheus, for [Server].Metrics.
func MetricsOf(handler http.Handler) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, pageRequest(httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)))
		return pageOf(answer.Result())
	}
}

// MetricsAt reads /metrics from a URL, for [Server].Metrics.
func MetricsAt(url string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return "", err
		}
		answer, err := http.DefaultClient.Do(pageRequest(r))
		if err != nil {
			return "", err
		}
		return pageOf(answer)
	}
}

func pageRequest(r *http.Request) *http.Request {
	r.Header.Set("Accept", "text/plain;version=0.0.4")
	return r
}

func pageOf(answer *http.Response) (string, error) {
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the answer is %s: %.200q", answer.Status, text)
	}
	return string(text), err
}

// parsePage reads the samples of Prometheus' text format, by name and labels as written.
func parsePage(text string) (map[string]float64, error) {
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		end := strings.LastIndexByte(line, '}') + 1
		name, rest, _ := strings.Cut(line[end:], " ")
		value, _, _ := strings.Cut(strings.TrimSpace(rest), " ") // a timestamp may follow
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%.100q is no line of Prometheus' text format", line)
		}
		found[line[:end]+name] = n
	}
	if len(found) == 0 {
		return nil, errors.New("the page has no series")
	}
	return found, nil
}

// counts reads what is counted up to now.
func (s *Server) counts() func() (sessions.Counts, error) {
	spans := &spanCounts{all: s.Spans, seen: map[trace.SpanID]bool{}, counts: sessions.Counts{}}
	return func() (sessions.Counts, error) {
		text, err := s.Metrics(context.Background())
		if err != nil {
			return nil, fmt.Errorf("read /metrics: %w", err)
		}
		page, err := parsePage(text)
		if err != nil {
			return nil, fmt.Errorf("read /metrics: %w", err)
		}
		found := spans.read()
		for name, n := range page {
			if series, ours := strings.CutPrefix(name, s.namespace()); ours {
				found[series] = int64(n)
			}
		}
		return found, nil
	}
}

// spanCounts counts spans of sessions, and of commands that were answered.
type spanCounts struct {
	all    func() []sdktrace.ReadOnlySpan
	mu     sync.Mutex
	seen   map[trace.SpanID]bool
	counts sessions.Counts
}

func (s *spanCounts) read() sessions.Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all != nil {
		for _, span := range s.all() {
			id := span.SpanContext().SpanID()
			if s.seen[id] {
				continue
			}
			s.seen[id] = true
			if name, counts := sessions.SpanName(span.Name(), attributes(span.Attributes())); counts {
				s.counts[name]++
			}
		}
	}
	return maps.Clone(s.counts)
}

func attributes(all []attribute.KeyValue) map[string]string {
	values := make(map[string]string, len(all))
	for _, kv := range all {
		values[string(kv.Key)] = kv.Value.String()
	}
	return values
}

// spanOf is the name and the reply of a span.
func spanOf(series string) (name string, span bool) { return strings.CutPrefix(series, "span ") }
