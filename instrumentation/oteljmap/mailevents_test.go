package oteljmap_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// TestALoginThatFailsIsAnEvent, with who tried and from where, whatever is sampled.
func TestALoginThatFailsIsAnEvent(t *testing.T) {
	var log lines
	w := newWorld(t, sdktrace.NeverSample(), otelmail.WithPrivacy(otelmail.PrivacyFull),
		otelmail.WithLogMailEvents(), otelmail.WithLogHandler(slog.NewJSONHandler(&log, nil)))
	served := make(chan struct{})
	inner := oteljmap.Wrap(w.tel, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); ok && password != "right" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	server := w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() { served <- struct{}{} }()
		inner.ServeHTTP(rw, r)
	}))
	for _, password := range []string{"right", "wrong", ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth("bob", password)
		}
		go func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
			}
		}()
		<-served
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(log.text.String()), &got); err != nil {
		t.Fatalf("want one event: %v\n%s", err, log.text.String())
	}
	for key, want := range map[string]any{"msg": "email.login_failed", "user.id": "bob", "email.login.mechanism": "Basic",
		"email.login.result": "failure", "network.protocol.name": "jmap", "client.address": "127.0.0.1"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if got["trace_id"] == nil {
		t.Error("the event has no trace")
	}
}
