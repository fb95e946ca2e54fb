package prometheus_test

import (
	"testing"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

// OPTIONS is not answered 204: who checks with it would take that for "ready".
func TestOnlyGetAndHead(t *testing.T) {
	tel := start(t, prometheus.WithProbeAddress("127.0.0.1:0"))
	probes := "http://" + tel.server.ProbeAddr().String()
	for _, url := range []string{tel.url + "/metrics", tel.url + "/health", tel.url + "/ready", tel.url + "/live", probes + "/ready"} {
		for method, code := range map[string]int{"OPTIONS": 405, "POST": 405, "PUT": 405, "TRACE": 405, "HEAD": 200, "GET": 200} {
			r := ask(t, plainClient, method, url)
			if r.code != code || code == 405 && r.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, url, r.code, r.header.Get("Allow"))
			}
		}
	}
}
