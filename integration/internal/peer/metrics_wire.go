package peer

import "math"

type wireMetrics struct {
	ResourceMetrics []struct {
		Resource     wireResource
		SchemaURL    string
		ScopeMetrics []struct {
			Scope     wireScope
			SchemaURL string
			Metrics   []wireMetric
		}
	}
}

// wireMetric has exactly one of its last five fields.
type wireMetric struct {
	Name, Description, Unit string

	Sum                  *wireData
	Gauge                *wireData
	Histogram            *wireData
	ExponentialHistogram *wireData
	Summary              *wireData
}

// wireData holds the fields of all kinds of metric: each field means the same in every kind.
type wireData struct {
	AggregationTemporality int
	IsMonotonic            bool
	DataPoints             []wirePoint
}

// wirePoint holds the fields of all kinds of point.
type wirePoint struct {
	Attributes     wireAttributes
	Start          int64  `json:"startTimeUnixNano,string"`
	Time           int64  `json:"timeUnixNano,string"`
	Count          uint64 `json:",string"`
	Sum            wireDouble
	Min, Max       *wireDouble
	BucketCounts   wireUints
	ExplicitBounds []wireDouble
	Exemplars      []wireExemplar
	wireNumber
}

type wireExemplar struct {
	Time               int64 `json:"timeUnixNano,string"`
	TraceID, SpanID    string
	FilteredAttributes wireAttributes
	wireNumber
}

// wireNumber is a value that is an integer or a double.
type wireNumber struct {
	AsInt    *int64 `json:",string"`
	AsDouble *wireDouble
}

func (n wireNumber) number() float64 {
	switch {
	case n.AsInt != nil:
		return float64(*n.AsInt)
	case n.AsDouble != nil:
		return float64(*n.AsDouble)
	}
	return math.NaN()
}
