package oteljmap_test

import (
	"net/http"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// TestALoginThatFailsIsAnEvent, with who tried and from where, whatever is sampled.
func TestALoginThatFailsIsAnEvent(t *testing.T) {
	w := newWorld(t, sdktrace.NeverSample(), otelmail.WithPrivacy(otelmail.PrivacyFull))
	server := w.api(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); ok && password != "right" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	for _, login := range []string{"bob:right@", "bob:wrong@", ""} {
		w.post(strings.Replace(server.URL, "//", "//"+login, 1), "{}")
	}
	w.counted(3, 1)
	w.Events("email.login_failed")
	event := w.Event("email.login_failed")
	event.Has(otelmailtest.Attributes{"user.id": "bob", "email.login.mechanism": "Basic",
		"email.login.result": "failure", "network.protocol.name": "jmap", "client.address": "127.0.0.1"})
	if !event.TraceID().IsValid() {
		t.Error("the event has no trace")
	}
}
