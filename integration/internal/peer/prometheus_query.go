package peer

import (
	"encoding/json"
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
	Count float64
	Sum   float64
}

// Query evaluates a PromQL expression now and returns the elements of its result, which
// has to be an instant vector or a scalar.
func (p *Prometheus) Query(expr string) []Sample {
	p.t.Helper()
	var data struct {
		ResultType string
		Result     json.RawMessage
	}
	p.get("query", url.Values{"query": {expr}}, &data)
	samples, err := readResult(data.ResultType, data.Result)
	if err != nil {
		p.t.Fatalf("query %s: %v", expr, err)
	}
	return samples
}

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

// readHistogram reads [unix seconds, {"count": "value", "sum": "value"}].
func (s *Sample) readHistogram(text []byte) error {
	s.Histogram = &SampleHistogram{}
	var histogram struct {
		Count, Sum wireDouble
	}
	if err := s.readPair(text, &histogram); err != nil {
		return err
	}
	s.Histogram.Count, s.Histogram.Sum = float64(histogram.Count), float64(histogram.Sum)
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
