package otlp_test

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
)

// replace writes the files of one identity anew, as what renews certificates does.
func replace(t *testing.T, file string, by []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", by, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mutual is what a receiver demands that trusts and is trusted through one authority.
func mutual(t *testing.T, ca identity) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{newIdentity(t, "server", ca).pair},
		ClientCAs:    ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
	}
}

// Renewed certificates, keys and roots are used without a restart. Files that cannot be
// used are reported, and the last good ones go on.
func TestRenewedCertificates(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			ca := newIdentity(t, "ca")
			client := newIdentity(t, "client", ca)
			r := newReceiver(t, mutual(t, ca))
			addr := func() string {
				if protocol == "grpc" {
					return r.grpcAddr
				}
				return r.httpAddr
			}
			m := newMiddlebox(t, addr(), nil)
			tel, b := start(t, env(append(quick,
				"OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "OTEL_EXPORTER_OTLP_ENDPOINT", "https://"+m.addr(),
				"OTEL_EXPORTER_OTLP_CERTIFICATE", ca.certFile,
				"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", client.certFile,
				"OTEL_EXPORTER_OTLP_CLIENT_KEY", client.keyFile)...), push(only("traces")...))
			arrives := func(name string) {
				t.Helper()
				eventually(t, name+" arrived", func() bool {
					emitSpans(tel, name, 1)
					time.Sleep(20 * time.Millisecond)
					return r.spanNames()[name] > 0
				})
			}
			arrives("with the first certificates")

			other := newIdentity(t, "another ca")
			renewed := newIdentity(t, "client", other)
			replace(t, ca.certFile, content(t, other.certFile))
			replace(t, client.certFile, content(t, renewed.certFile))
			replace(t, client.keyFile, content(t, renewed.keyFile))
			r = newReceiver(t, mutual(t, other))
			m.cut(addr())
			arrives("with renewed certificates")

			replace(t, client.keyFile, []byte("-----BEGIN PRIVATE KEY-----\nhush"))
			m.cut(addr())
			arrives("with a key that is no key")
			eventually(t, "a report", func() bool {
				emitSpans(tel, "more", 1)
				m.cut(addr())
				time.Sleep(20 * time.Millisecond)
				return strings.Contains(strings.Join(b.all(), "\n"), "OTEL_EXPORTER_OTLP_CLIENT_KEY")
			})
			said := strings.Join(b.all(), "\n")
			wantParts(t, errors.New(said), "the last ones are used until that works", client.keyFile)
			if strings.Contains(said, "hush") {
				t.Errorf("shows a key: %s", said)
			}
		})
	}
}

// A key where the path of its file belongs is not shown.
func TestPastedKeyIsNotShown(t *testing.T) {
	id := newIdentity(t, "ca")
	pem := string(content(t, id.keyFile))
	line := strings.ReplaceAll(strings.TrimSpace(pem), "\n", `\n`)
	middle := strings.Split(pem, "\n")[1]
	for name, value := range map[string]string{
		"PEM":                      pem,
		"PEM on one line":          line,
		"base64 of DER":            strings.Join(strings.Split(strings.TrimSpace(pem), "\n")[1:3], ""),
		"base64 of PEM":            base64.StdEncoding.EncodeToString([]byte(pem)),
		"PEM after what is a path": "/etc/ssl/" + pem,
	} {
		for _, variables := range [][]string{
			{"OTEL_EXPORTER_OTLP_CLIENT_KEY", value},
			{"OTEL_EXPORTER_OTLP_CLIENT_KEY", value, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", id.certFile},
			{"OTEL_EXPORTER_OTLP_CLIENT_KEY", id.keyFile, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", value},
			{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", value},
			{"OTEL_EXPORTER_OTLP_CERTIFICATE", value},
			{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", value},
		} {
			_, err := otelmail.Start(t.Context(), env(variables...), push(), otelmail.WithoutGlobals())
			wantParts(t, err, "OTEL_EXPORTER_OTLP_", "…")
			for _, secret := range []string{middle, middle[:20], value[:min(len(value), 40)], "BEGIN PRIVATE"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s in %s is shown: %v", name, variables[0], err)
					break
				}
			}
		}
	}
}
