package observe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// signals are the labelled series that a dialogue moves, as "name{a,b}" with the values of
// the labels; histograms by their count, and message_size_bytes by its sum.
func signals(t *testing.T, r *sdkmetric.ManualReader, names ...string) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{}
	for _, m := range otelmail.Catalog() {
		for _, l := range m.Labels {
			labels[m.Name] = append(labels[m.Name], l.Key)
		}
	}
	all := map[string]int64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			name := strings.TrimPrefix(m.Name, "rusmes_")
			if !strings.Contains(strings.Join(names, " ")+" ", name+" ") {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if p.Value != 0 {
						all[name+valuesOf(labels[name], func(key string) string { v, _ := p.Attributes.Value(attribute.Key(key)); return v.AsString() })] = p.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					n := int64(p.Count)
					if m.Unit == "By" {
						n = int64(p.Sum)
					}
					all[name+valuesOf(labels[name], func(key string) string { v, _ := p.Attributes.Value(attribute.Key(key)); return v.AsString() })] = n
				}
			}
		}
	}
	return all
}

func valuesOf(keys []string, value func(string) string) string {
	var values []string
	for _, k := range keys {
		values = append(values, value(k))
	}
	return "{" + strings.Join(values, ",") + "}"
}

func observedBy(t *testing.T) (*otelmail.Telemetry, *sdkmetric.ManualReader) {
	t.Helper()
	r := sdkmetric.NewManualReader()
	tel, err := otelmail.New(otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel, r
}

// TestSMTPSignals: what was refused, at which stage and whose fault it is, who logged in how,
// and how big the messages were, whatever came in pieces or ahead.
func TestSMTPSignals(t *testing.T) {
	const both = "rejections_total auth_attempts_total message_size_bytes message_recipients connections_lost_total"
	for _, tc := range []struct {
		name, said string
		role       otelmail.SMTPRole
		want       map[string]int64
	}{
		{"rejections", hello + "C: MAIL FROM:<a@b>\nS: 550 5.7.23 SPF\nC: MAIL FROM:<a@b>\nS: 250 ok\n" +
			"C: RCPT TO:<x@one.example>\nS: 550 5.1.1 who\nC: RCPT TO:<x@one.example>\nS: 451 4.3.0 database\nC: RCPT TO:<b@one.example>\nS: 250 ok\n" +
			"C: DATA\nS: 354 go\nC: spam\nC: .\nS: 554 5.7.1 spam\nC: QUIT\nS: 221 bye", otelmail.RoleMX, map[string]int64{
			"rejections_total{mx,mail,5xx,authentication,theirs}": 1, "rejections_total{mx,rcpt,5xx,unknown_user,theirs}": 1,
			"rejections_total{mx,rcpt,4xx,system,ours}": 1, "rejections_total{mx,data,5xx,policy,theirs}": 1}},
		{"no rejection", hello + "C: VRFY x\nS: 502 no\nC: DATA\nS: 503 no\nC: QUIT\nS: 221 bye", otelmail.RoleMX, map[string]int64{}},
		{"a panic behind a refusal", hello + "C: MAIL FROM:<a@b>\nPANIC\nS: 550 5.1.1 hides it\nC: QUIT\nS: 221 bye", otelmail.RoleMX,
			map[string]int64{"rejections_total{mx,mail,5xx,system,ours}": 1}},
		{"logins", hello + "C: AUTH plain AGEAYg==\nS: 235 ok\nC: AUTH CRAM-MD5\nS: 334 x\nC: *\nS: 501 ok then\n" +
			"C: AUTH LOGIN\nS: 334 x\nC: YQ==\nS: 334 x\nC: YQ==\nS: 535 5.7.8 no\nC: AUTH FOO\nS: 504 what\nC: AUTH PLAIN AGEAYg==\nS: 454 4.7.0 later\nC: QUIT\nS: 221 bye",
			otelmail.RoleSubmission, map[string]int64{
				"auth_attempts_total{smtp,PLAIN,success}": 1, "auth_attempts_total{smtp,CRAM-MD5,aborted}": 1, "auth_attempts_total{smtp,LOGIN,failure}": 1,
				"auth_attempts_total{smtp,_OTHER,failure}": 1, "auth_attempts_total{smtp,PLAIN,error}": 1}},
		{"messages by DATA and BDAT", hello + transaction + "C: DATA\nS: 354 go\nC: Subject: hi\nC: \nC: x\nC: .\nS: 250 ok" +
			transaction + "C: BDAT 5\nC| 12345\nS: 250 ok\nC: BDAT 5 LAST\nC| 67890\nS: 250 ok\nC: QUIT\nS: 221 bye", otelmail.RoleSubmission,
			map[string]int64{"message_size_bytes{out}": int64(len("Subject: hi\r\n\r\nx\r\n") + 10), "message_recipients{out}": 2}},
		{"a message refused has no size", hello + transaction + "C: DATA\nS: 354 go\nC: x\nC: .\nS: 452 4.3.1 full\nC: QUIT\nS: 221 bye", otelmail.RoleMX,
			map[string]int64{"rejections_total{mx,data,4xx,system,ours}": 1}},
		{"LMTP", "S: 220 mx\nC: LHLO a\nS: 250 mx\n" + transaction + "C: RCPT TO:<full@one.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\nS: 452 4.2.2 full\nC: QUIT\nS: 221 bye",
			otelmail.RoleLMTP, map[string]int64{"message_size_bytes{in}": 3, "message_recipients{in}": 1, "rejections_total{lmtp,data,4xx,mailbox_full,theirs}": 1}},
		{"lost at once", "S: 220 mx\nRESET", otelmail.RoleMX, map[string]int64{"connections_lost_total{connect}": 1}},
		{"lost in a transaction", hello + transaction + "RESET", otelmail.RoleMX, map[string]int64{"connections_lost_total{rcpt}": 1}},
		{"lost between messages", hello + transaction + "C: DATA\nS: 354 go\nC: .\nS: 250 ok\nRESET", otelmail.RoleMX,
			map[string]int64{"connections_lost_total{idle}": 1, "message_recipients{in}": 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel, reader := observedBy(t)
			d := observe.NewSMTPDialogue(tel, otelmail.Conn{}, observe.SMTPRole(tc.role))
			for _, s := range script(tc.said) {
				if s.who != "" {
					s.tell(d)
				}
			}
			d.End(otelmail.CauseNone)
			if got := signals(t, reader, strings.Fields(both)...); !maps.Equal(got, tc.want) {
				t.Errorf("counted %v\nwant    %v", got, tc.want)
			}
		})
	}
}

// TestFailedSTARTTLS: why a handshake after STARTTLS failed is seen below TLS, where the
// server's library keeps it for itself.
func TestFailedSTARTTLS(t *testing.T) {
	config := certificate(t)
	config.MinVersion = tls.VersionTLS13
	for _, tc := range []struct {
		name   string
		client func(net.Conn)
		want   string
	}{
		{"an old version", func(c net.Conn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake()
		}, "protocol_version"},
		{"no TLS", func(c net.Conn) { fmt.Fprint(c, "EHLO again\r\n") }, "other"},
		{"done", func(c net.Conn) {
			secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			_ = secure.Handshake()
			fmt.Fprint(secure, "QUIT\r\n")
			_, _ = io.Copy(io.Discard, secure)
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tel, reader := observedBy(t)
			near, far := net.Pipe()
			_ = near.SetDeadline(time.Now().Add(20 * time.Second))
			done := make(chan struct{})
			go func() { // a server that upgrades below what is observed, as libraries do
				defer close(done)
				conn := observe.SMTP(tel, far)
				defer conn.Close()
				r := bufio.NewReader(conn)
				fmt.Fprint(conn, "220 mx\r\n")
				_, _ = r.ReadString('\n')
				fmt.Fprint(conn, "220 go\r\n")
				secure := tls.Server(conn, config)
				if secure.Handshake() != nil {
					fmt.Fprint(conn, "550 no\r\n")
					return
				}
				_, _ = io.Copy(io.Discard, io.LimitReader(secure, 6))
			}()
			r := bufio.NewReader(near)
			_, _ = r.ReadString('\n')
			fmt.Fprint(near, "STARTTLS\r\n")
			_, _ = r.ReadString('\n')
			tc.client(near)
			go io.Copy(io.Discard, near)
			<-done
			near.Close()
			got := signals(t, reader, "tls_handshake_failures_total")
			want := map[string]int64{}
			if tc.want != "" {
				want["tls_handshake_failures_total{in,"+tc.want+"}"] = 1
			}
			if !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
		})
	}
}

// TestAccessSignals: logins of IMAP and POP3, and how their commands were answered.
func TestAccessSignals(t *testing.T) {
	tel, reader := observedBy(t)
	imap := observe.NewIMAPDialogue(tel, otelmail.Conn{})
	for _, l := range []string{"S* OK hi", "Ca LOGIN u p", "Sa NO [AUTHENTICATIONFAILED] no", "Cb AUTHENTICATE scram-sha-256", "S+ ", "C*", "Sb BAD ok then",
		"Cc AUTHENTICATE PLAIN AGEAYg==", "Sc NO [UNAVAILABLE] later", "Cd LOGIN u p", "Sd OK in", "Ce UID FETCH 1 FLAGS", "Se OK", "Cf LOGOUT", "S* BYE", "Sf OK"} {
		if l[0] == 'C' {
			imap.FromClient([]byte(l[1:] + "\r\n"))
		} else {
			imap.FromServer([]byte(l[1:] + "\r\n"))
		}
	}
	imap.End(otelmail.CauseNone)
	pop := observe.NewPOP3Dialogue(tel, otelmail.Conn{})
	for _, l := range []string{"S+OK hi", "CUSER u", "S+OK", "CPASS p", "S-ERR no", "CAUTH PLAIN", "S+ ", "CAGEAYg==", "S+OK in", "CRETR 1", "S+OK", "Sx", "S.", "CQUIT", "S+OK"} {
		if l[0] == 'C' {
			pop.FromClient([]byte(l[1:] + "\r\n"))
		} else {
			pop.FromServer([]byte(l[1:] + "\r\n"))
		}
	}
	pop.End(otelmail.CauseNone)
	want := map[string]int64{
		"auth_attempts_total{imap,LOGIN,failure}": 1, "auth_attempts_total{imap,SCRAM-SHA-256,aborted}": 1, "auth_attempts_total{imap,PLAIN,error}": 1,
		"auth_attempts_total{imap,LOGIN,success}": 1, "auth_attempts_total{pop3,PASS,failure}": 1, "auth_attempts_total{pop3,PLAIN,success}": 1,
		"replies_total{imap,LOGIN,no}": 1, "replies_total{imap,AUTHENTICATE,bad}": 1, "replies_total{imap,AUTHENTICATE,no}": 1, "replies_total{imap,LOGIN,ok}": 1,
		"replies_total{imap,FETCH,ok}": 1, "replies_total{imap,other,ok}": 1,
		"replies_total{pop3,other,ok}": 2, "replies_total{pop3,PASS,error}": 1, "replies_total{pop3,AUTH,ok}": 1, "replies_total{pop3,RETR,ok}": 1,
	}
	if got := signals(t, reader, "auth_attempts_total", "replies_total"); !maps.Equal(got, want) {
		t.Errorf("counted %v\nwant    %v", got, want)
	}
}
