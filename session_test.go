package otelmail_test

import (
	"crypto/tls"
	"maps"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/otelmailtest"
)

// sessionHandle is what the sessions of the three protocols have in common.
type sessionHandle interface {
	TLS(tls.ConnectionState)
	Unfollowed()
	End(otelmail.Cause)
}

// sessions begin one session of each protocol.
func sessions(t *testing.T) map[string]func(*otelmail.Telemetry, otelmail.Conn) sessionHandle {
	return map[string]func(*otelmail.Telemetry, otelmail.Conn) sessionHandle{
		"smtp": func(tel *otelmail.Telemetry, c otelmail.Conn) sessionHandle {
			return tel.SMTP.Session(t.Context(), otelmail.RoleMX, c)
		},
		"imap": func(tel *otelmail.Telemetry, c otelmail.Conn) sessionHandle { return tel.IMAP.Session(t.Context(), c) },
		"pop3": func(tel *otelmail.Telemetry, c otelmail.Conn) sessionHandle { return tel.POP3.Session(t.Context(), c) },
	}
}

// TestSessionsEndOnce, however many goroutines end them: a handler and a server that is
// stopping both do.
func TestSessionsEndOnce(t *testing.T) {
	for protocol, begin := range sessions(t) {
		tel, reader := start(t)
		s := begin(tel, otelmail.Conn{})
		checkValue(t, tel, 1, "active_connections", protocol)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { s.End(otelmail.CauseReset) })
		}
		wg.Wait()
		want := map[string]moves{
			"smtp": {"smtp_connections_total": 1, "smtp_errors_total": 1, "smtp_session_duration_seconds": 1, "tls_sessions_total/no": 1},
			"imap": {"imap_connections_total": 1, "imap_errors_total": 1, "tls_sessions_total/no": 1},
			"pop3": {"tls_sessions_total/no": 1},
		}[protocol]
		if got := promisedValues(t, reader); !maps.Equal(got, want) {
			t.Errorf("%s: moved %v, want %v", protocol, got, want)
		}
	}
}

// TestSessionsAndTLS: a session counts under what it began with, and once more, as
// starttls, when it is upgraded.
func TestSessionsAndTLS(t *testing.T) {
	state := tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for protocol, begin := range sessions(t) {
		for _, tc := range []struct {
			name string
			conn otelmail.Conn
			do   func(sessionHandle)
			want moves
		}{
			{"plaintext", otelmail.Conn{}, func(sessionHandle) {}, moves{"tls_sessions_total/no": 1}},
			{"implicit", otelmail.Conn{TLS: &state}, func(sessionHandle) {}, moves{"tls_sessions_total/yes": 1}},
			{"implicit, handshake later", otelmail.Conn{TLS: &tls.ConnectionState{}}, func(s sessionHandle) { s.TLS(state) },
				moves{"tls_sessions_total/yes": 1}},
			{"upgraded", otelmail.Conn{}, func(s sessionHandle) { s.TLS(state) },
				moves{"tls_sessions_total/no": 1, "tls_sessions_total/starttls": 1}},
			{"upgraded three times at once", otelmail.Conn{}, func(s sessionHandle) {
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() { s.TLS(state) })
				}
				wg.Wait()
			}, moves{"tls_sessions_total/no": 1, "tls_sessions_total/starttls": 1}},
			{"more is known later", otelmail.Conn{}, func(s sessionHandle) { s.TLS(tls.ConnectionState{}); s.TLS(state) },
				moves{"tls_sessions_total/no": 1, "tls_sessions_total/starttls": 1}},
			{"not understood", otelmail.Conn{}, func(s sessionHandle) { s.Unfollowed() },
				moves{"tls_sessions_total/no": 1, "telemetry_unfollowed_sessions_total/" + protocol: 1}},
		} {
			tel, reader := start(t)
			s := begin(tel, tc.conn)
			tc.do(s)
			got := promisedValues(t, reader)
			s.End(otelmail.CauseNone)
			want := maps.Clone(tc.want)
			want["active_connections/"+protocol] = 1
			if protocol != "pop3" {
				want[protocol+"_connections_total"] = 1
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s, %s: moved %v, want %v", protocol, tc.name, got, want)
			}
			checkValue(t, tel, 0, "active_connections", protocol)
		}
	}
}

// TestSessionSpansShowTheHandshake, whenever it was.
func TestSessionSpansShowTheHandshake(t *testing.T) {
	state := tls.ConnectionState{Version: tls.VersionTLS12, HandshakeComplete: true, DidResume: true, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, conn := range []otelmail.Conn{{}, {TLS: &tls.ConnectionState{}}} { // an upgrade, and a handshake
		for protocol, begin := range sessions(t) {
			if protocol == "imap" {
				continue // has no span, see TestIMAPCommandsShowTLS
			}
			spanOf(t, func(tel *otelmail.Telemetry) {
				s := begin(tel, conn)
				s.TLS(state)
				s.End(otelmail.CauseNone)
			}).Has(otelmailtest.Attributes{"tls.established": true, "tls.resumed": true, "tls.protocol.version": "1.2",
				"tls.cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"})
		}
	}
}

// TestSMTPSessionDuration holds how long the session lasted, in seconds.
func TestSMTPSessionDuration(t *testing.T) {
	tel, reader := start(t)
	begun := time.Now()
	s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
	time.Sleep(120 * time.Millisecond)
	s.End(otelmail.CauseNone)
	most := time.Since(begun).Seconds()
	p := collect(t, reader)["rusmes_smtp_session_duration_seconds"].Data.(metricdata.Histogram[float64]).DataPoints[0]
	if p.Count != 1 || p.Sum < 0.12 || p.Sum > most || p.BucketCounts[0] != 0 {
		t.Errorf("%d records, sum %v s, buckets %v; want one of 0.12 to %v s", p.Count, p.Sum, p.BucketCounts, most)
	}
}

// TestClosedSessionHasCountedAll: whoever sees the connection closed sees the rest, too.
func TestClosedSessionHasCountedAll(t *testing.T) {
	tel, _ := start(t)
	for range 200 {
		s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
		before, _ := tel.Value("smtp_errors_total")
		go s.End(otelmail.CauseReset)
		for {
			if open, _ := tel.Value("active_connections", "smtp"); open == 0 {
				break
			}
		}
		if after, _ := tel.Value("smtp_errors_total"); after != before+1 {
			t.Fatalf("closed, with %d errors after %d", after, before)
		}
	}
}
