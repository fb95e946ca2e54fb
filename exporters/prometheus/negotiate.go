package prometheus

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// timeLimit is how long collecting may take: bound, or nine tenths of what the
// scraper says it waits if that is less. The rest is for encoding and sending.
func timeLimit(h http.Header, bound time.Duration) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds < bound.Seconds()/0.9) { // refuses NaN too
		return bound
	}
	return time.Duration(seconds * 0.9 * float64(time.Second))
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3). A client that does
// not name gzip does not get it, even if it says "*".
func acceptsGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, weighted := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
			if !weighted {
				return true
			}
			weight, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return err == nil && weight > 0
		}
	}
	return false
}

// named keeps the families that ?name[]=… asks for; all when it asks for none.
func named(families []*dto.MetricFamily, names []string) []*dto.MetricFamily {
	if len(names) == 0 {
		return families
	}
	return slices.DeleteFunc(families, func(mf *dto.MetricFamily) bool {
		return !slices.Contains(names, mf.GetName())
	})
}
