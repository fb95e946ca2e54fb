package peer

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Target is a page that Prometheus scrapes.
type Target struct {
	URL       string
	Health    string // up, down, or unknown before the first scrape
	LastError string // why it is down
}

// SeriesExemplar is an exemplar as Prometheus kept it.
type SeriesExemplar struct {
	Series map[string]string // labels of the series, its name under __name__
	Labels map[string]string // labels of the exemplar itself: trace_id, span_id
	Value  float64
	Time   time.Time
}

// Targets returns the state of every scraped page, in no particular order.
func (p *Prometheus) Targets() []Target {
	p.t.Helper()
	var data struct {
		ActiveTargets []struct{ ScrapeURL, Health, LastError string }
	}
	p.get("targets", nil, &data)
	targets := make([]Target, 0, len(data.ActiveTargets))
	for _, target := range data.ActiveTargets {
		targets = append(targets, Target{URL: target.ScrapeURL, Health: target.Health, LastError: target.LastError})
	}
	return targets
}

// WaitUp returns once every target is up and a page of each can be queried, and ends the
// test when one is not within the given time.
func (p *Prometheus) WaitUp(within time.Duration) {
	p.t.Helper()
	Eventually(p.t, within, func() error {
		targets := p.Targets()
		if want := p.config.targets(); len(targets) != want {
			return fmt.Errorf("%d scrape targets of %d are known", len(targets), want)
		}
		for _, target := range targets {
			if target.Health != "up" {
				return fmt.Errorf("scrape target %s is %s: %s", target.URL, target.Health, target.LastError)
			}
		}
		// A target is up before what was scraped from it can be queried, which all of one
		// page can at once.
		if stored := p.Query("up == 1"); len(stored) < len(targets) {
			return fmt.Errorf("of %d scrape targets %d can be queried", len(targets), len(stored))
		}
		return nil
	})
}

// Exemplars returns the exemplars of the last hour of every series that the PromQL
// expression selects.
func (p *Prometheus) Exemplars(expr string) []SeriesExemplar {
	p.t.Helper()
	var data []struct {
		SeriesLabels map[string]string
		Exemplars    []struct {
			Labels    map[string]string
			Value     string
			Timestamp float64
		}
	}
	now := time.Now()
	p.get("query_exemplars", url.Values{
		"query": {expr},
		"start": {now.Add(-time.Hour).Format(time.RFC3339)},
		"end":   {now.Add(time.Minute).Format(time.RFC3339)},
	}, &data)
	var all []SeriesExemplar
	for _, series := range data {
		for _, exemplar := range series.Exemplars {
			value, err := strconv.ParseFloat(exemplar.Value, 64)
			if err != nil {
				p.t.Fatalf("exemplar of %s: value %q: %v", expr, exemplar.Value, err)
			}
			all = append(all, SeriesExemplar{
				Series: series.SeriesLabels, Labels: exemplar.Labels,
				Value: value, Time: seconds(exemplar.Timestamp),
			})
		}
	}
	return all
}

// MetricMetadata is what a page says of a metric.
type MetricMetadata struct {
	Type string // counter, gauge, histogram, ...
	Help string
	Unit string
}

// Metadata returns what the scraped pages say of their metrics, by metric name. A counter
// scraped as OpenMetrics has its name without _total there.
func (p *Prometheus) Metadata() map[string][]MetricMetadata {
	p.t.Helper()
	var data map[string][]MetricMetadata
	p.get("metadata", nil, &data)
	return data
}

// get asks one question of the HTTP API, version 1, and decodes the answer's data.
func (p *Prometheus) get(path string, values url.Values, data any) {
	p.t.Helper()
	address := url.URL{Scheme: "http", Host: p.address, Path: "/api/v1/" + path, RawQuery: values.Encode()}
	client := http.Client{Timeout: time.Minute} // a busy machine may take seconds for anything
	response, err := client.Get(address.String())
	if err != nil {
		p.t.Fatalf("asking prometheus: %v", err)
	}
	defer response.Body.Close()
	answer := struct {
		Status string
		Error  string
		Data   any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		p.t.Fatalf("asking prometheus %s: answer %s: %v", &address, response.Status, err)
	}
	if answer.Status != "success" {
		p.t.Fatalf("asking prometheus %s: %s", &address, answer.Error)
	}
}

// seconds rounds, because 1.001 times 1000 is less than 1001.
func seconds(unix float64) time.Time { return time.UnixMilli(int64(math.Round(unix * 1000))) }
