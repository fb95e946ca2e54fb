package oteljmap_test

import (
	"net/http"
	"strconv"
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

// TestCredentialsThatNobodyJudged are no attempt: a directory that is away lets nobody in.
func TestCredentialsThatNobodyJudged(t *testing.T) {
	for status, result := range map[int]string{
		200: "success", 304: "success", 400: "success", 403: "success", 404: "success", 401: "failure",
		429: "", 500: "", 502: "", 503: "",
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			w := newWorld(t, sdktrace.NeverSample())
			server := w.api(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }))
			w.post(strings.Replace(server.URL, "//", "//bob:secret@", 1), "{}")
			want := otelmailtest.Series{"rusmes_jmap_requests_total": otelmailtest.Any, "rusmes_jmap_errors_total": otelmailtest.Any,
				"rusmes_active_connections": otelmailtest.Any, "rusmes_replies_total": otelmailtest.Any}
			if result != "" {
				want[`rusmes_auth_attempts_total{mechanism="Basic",protocol="jmap",result="`+result+`"}`] = 1
			}
			w.Moved(want)
		})
	}
}
