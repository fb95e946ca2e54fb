package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Sample is one element of a query's result.
type Sample struct {
	Labels    map[string]string // its name under __name__; empty for a scalar
	Value     float64           // zero for a native histogram
	Histogram *SampleHistogram  // of a native histogram only
	Time      time.Time
}

// SampleHistogram sums up a native histogram.
type SampleHistogram struct {
	Count   float64
	Sum     float64
	Buckets map[string]float64 // those with values, by upper bound as Prometheus writes it
}

// Series is what a range holds of one series.
type Series struct {
	Labels  map[string]string // its name under __name__
	Samples []Sample          // oldest first, without labels
}

// Query evaluates a PromQL expression now and returns the elements of its result, which
// has to be an instant vector or a scalar.
func (p *Prometheus) Query(expr string) []Sample {
	p.t.Helper()
	return p.query(url.Values{"query": {expr}})
}

// QueryAt is Query at a time, to the millisecond.
func (p *Prometheus) QueryAt(at time.Time, expr string) []Sample {
	p.t.Helper()
	return p.query(url.Values{"query": {expr}, "time": {unix(at)}})
}

func (p *Prometheus) query(values url.Values) []Sample {
	p.t.Helper()
	var data struct {
		ResultType string
		Result     json.RawMessage
	}
	p.get("query", values, &data)
	samples, err := readResult(data.ResultType, data.Result)
	if err != nil {
		p.t.Fatalf("query %s: %v", values, err)
	}
	return samples
}

// Samples returns the samples as they are stored that a range selector (mail_total[5m])
// finds at a time, to the millisecond.
func (p *Prometheus) Samples(at time.Time, selector string) []Series {
	p.t.Helper()
	return p.matrix("query", url.Values{"query": {selector}, "time": {unix(at)}})
}

// QueryRange evaluates a PromQL expression at from, at each step after it, and no later than
// to. A series has no sample for a time at which it has no value.
func (p *Prometheus) QueryRange(expr string, from, to time.Time, step time.Duration) []Series {
	p.t.Helper()
	return p.matrix("query_range", url.Values{
		"query": {expr}, "start": {unix(from)}, "end": {unix(to)}, "step": {fmt.Sprintf("%.3f", step.Seconds())},
	})
}

// matrix asks a query whose result is series with their samples.
func (p *Prometheus) matrix(path string, values url.Values) []Series {
	p.t.Helper()
	var data struct {
		Result []struct {
			Metric             map[string]string
			Values, Histograms []json.RawMessage
		}
	}
	p.get(path, values, &data)
	all := make([]Series, 0, len(data.Result))
	for _, element := range data.Result {
		series := Series{Labels: element.Metric}
		for _, text := range element.Values {
			var s Sample
			if err := s.readValue(text); err != nil {
				p.t.Fatalf("samples of %s: %v", values.Get("query"), err)
			}
			series.Samples = append(series.Samples, s)
		}
		for _, text := range element.Histograms {
			var s Sample
			if err := s.readHistogram(text); err != nil {
				p.t.Fatalf("samples of %s: %v", values.Get("query"), err)
			}
			series.Samples = append(series.Samples, s)
		}
		all = append(all, series)
	}
	return all
}

func unix(at time.Time) string { return fmt.Sprintf("%.3f", float64(at.UnixMilli())/1000) }

func readResult(resultType string, result []byte) ([]Sample, error) {
	switch resultType {
	case "scalar":
		var sample Sample
		if err := sample.readValue(result); err != nil {
			return nil, err
		}
		return []Sample{sample}, nil
	case "vector":
		return readVector(result)
	}
	return nil, fmt.Errorf("its result is a %s: want an instant vector or a scalar", resultType)
}

func readVector(result []byte) ([]Sample, error) {
	var elements []struct {
		Metric           map[string]string
		Value, Histogram json.RawMessage
	}
	if err := json.Unmarshal(result, &elements); err != nil {
		return nil, fmt.Errorf("reading its result: %w", err)
	}
	samples := make([]Sample, 0, len(elements))
	for _, element := range elements {
		sample := Sample{Labels: element.Metric}
		var err error
		if element.Histogram != nil {
			err = sample.readHistogram(element.Histogram)
		} else {
			err = sample.readValue(element.Value)
		}
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample)
	}
	return samples, nil
}

// readValue reads [unix seconds, "value"].
func (s *Sample) readValue(text []byte) error {
	var value string
	if err := s.readPair(text, &value); err != nil {
		return err
	}
	var err error
	if s.Value, err = strconv.ParseFloat(value, 64); err != nil {
		return fmt.Errorf("reading the value %q: %w", value, err)
	}
	return nil
}

// readHistogram reads [unix seconds, {"count": "value", "sum": "value", "buckets":
// [[which of its bounds it includes, "lower bound", "upper bound", "value"]]}].
func (s *Sample) readHistogram(text []byte) error {
	var histogram struct {
		Count, Sum wireDouble
		Buckets    [][4]json.RawMessage
	}
	if err := s.readPair(text, &histogram); err != nil {
		return err
	}
	s.Histogram = &SampleHistogram{Count: float64(histogram.Count), Sum: float64(histogram.Sum), Buckets: map[string]float64{}}
	for _, bucket := range histogram.Buckets {
		var upper string
		var count wireDouble
		if err := errors.Join(json.Unmarshal(bucket[2], &upper), json.Unmarshal(bucket[3], &count)); err != nil {
			return fmt.Errorf("reading the bucket %s: %w", bucket, err)
		}
		s.Histogram.Buckets[upper] = float64(count)
	}
	return nil
}

// readPair reads a time and the value that belongs to it.
func (s *Sample) readPair(text []byte, value any) error {
	var at float64
	pair := []any{&at, value}
	if err := json.Unmarshal(text, &pair); err != nil {
		return fmt.Errorf("reading %.100q as a time and a value: %w", text, err)
	}
	s.Time = seconds(at)
	return nil
}
