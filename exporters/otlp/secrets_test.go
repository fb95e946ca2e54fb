package otlp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// A token in the endpoint's path is shown nowhere: not in the report of a failing push, not
// in what a receiver repeats, not in the counts and not in the error of Shutdown.
func TestTokenInThePathIsNotShown(t *testing.T) {
	t.Parallel()
	const token, password = "t0ken-in-the-path", `p"ss-w\rd`
	for name, answer := range map[string]func(w http.ResponseWriter, path string){
		"not found": func(w http.ResponseWriter, path string) { http.Error(w, "no route for "+path, http.StatusNotFound) },
		"cut off": func(w http.ResponseWriter, path string) {
			http.Error(w, strings.Repeat("x", 190)+path, http.StatusNotFound)
		},
		"redirected": func(w http.ResponseWriter, path string) {
			w.Header().Set("Location", "https://user:other-secret@elsewhere.example"+path)
			w.WriteHeader(http.StatusMovedPermanently)
		},
		"the password": func(w http.ResponseWriter, _ string) { http.Error(w, "not "+password, http.StatusUnauthorized) },
	} {
		for _, way := range []string{"directly", "through a buffer"} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				r := newReceiver(t, nil)
				r.setAnswer(func(w http.ResponseWriter) bool { answer(w, "/"+token+"/v1/traces"); return true })
				opts := append(only("traces"), otlp.Endpoint(strings.Replace(r.httpURL(), "http://", "http://user:p%22ss-w%5Crd@", 1)+"/"+token))
				if way != "directly" {
					opts = append(opts, otlp.Buffer(t.TempDir()))
				}
				push := newPusher(opts...)
				tel, b := start(t, env(quick...), otelmail.WithExporter(push))
				emitSpans(tel, "a", 3)
				eventually(t, "a report", func() bool { return len(b.all()) > 0 })
				all := append(b.all(), fmt.Sprint(push.Stats()), fmt.Sprint(shutdown(tel, patience)))
				for _, text := range append(all, b.all()...) {
					for _, secret := range []string{token, token[:10], password, `p\"ss`, "other-secret"} {
						if strings.Contains(text, secret) {
							t.Errorf("shows %s: %s", secret, text)
						}
					}
				}
				if !strings.Contains(b.all()[0], r.httpURL()+"/…/v1/traces: ") {
					t.Errorf("does not say where: %s", b.all()[0])
				}
			})
		}
	}
	for _, endpoint := range []string{"ftp://host/" + token, "host/" + token, "//host/" + token + "?x", "http://host:x/" + token + "/v1/traces"} {
		err := startError(t, env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), push())
		wantParts(t, err, "OTEL_EXPORTER_OTLP_ENDPOINT", "host")
		if strings.Contains(err.Error(), token) {
			t.Errorf("shown: %v", err)
		}
	}
}
