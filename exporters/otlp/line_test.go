package otlp

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/rusmes/otelmail/exporters/otlp/internal/store"
	"github.com/rusmes/otelmail/exporters/otlp/otlpgrpc"
)

// What is set aside is tried at a falling rate: after 5 s, then after twice as long each
// time up to an hour, each with a random part.
func TestDeferralGrows(t *testing.T) {
	want := firstDeferral
	for n := range 100 {
		got := deferral(store.Entry{Deferred: n})
		if got < want/2 || got > want*3/2 {
			t.Errorf("after %d times: %v, want about %v", n, got, want)
		}
		want = min(2*want, time.Hour)
	}
}

// Whether there was somebody to connect to decides whether a failed attempt may be the
// request's fault.
func TestReached(t *testing.T) {
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls := grpc.NewServer() // knows no service
	go func() { _ = calls.Serve(l) }()
	defer calls.Stop()
	nowhere := away.Addr().String()
	_ = away.Close()
	for _, tt := range []struct {
		where     string
		transport Transport
		want      bool
	}{
		{web.URL, HTTP, true},
		{"http://" + nowhere, HTTP, false},
		{"http://" + l.Addr().String(), GRPC, true},
		{"http://" + nowhere, GRPC, false},
	} {
		t.Run(tt.transport.String()+" "+tt.where, func(t *testing.T) {
			where, err := url.Parse(tt.where)
			if err != nil {
				t.Fatal(err)
			}
			s, err := newSender(traces, target{address: address{url: where}, transport: tt.transport, grpc: otlpgrpc.Transport(), timeout: 10 * time.Second, tls: &certificates{}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.close() }()
			if o := s.send(t.Context(), nil); o.reached != tt.want || !o.stays() {
				t.Errorf("%+v", o)
			}
		})
	}
}
