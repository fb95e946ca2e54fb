package otelsmtp_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/internal/upstream"
)

// ownServer stands in for smtp.Server in go-smtp's tests.
const ownServer = `package smtp_test

import (
	"context"
	"net"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

type ownServer struct {
	*smtp.Server
	observed *otelsmtp.Server
}

func newOwnServer(b smtp.Backend) *ownServer {
	s := smtp.NewServer(b)
	if preset != nil {
		preset(&ownServer{Server: s})
		preset = nil
	}
	return &ownServer{s, otelsmtp.NewServer(tel, s)}
}

var preset func(*ownServer)

func (s *ownServer) Serve(l net.Listener) error         { return s.observed.Serve(l) }
func (s *ownServer) Close() error                       { return s.observed.Close() }
func (s *ownServer) Shutdown(ctx context.Context) error { return s.observed.Shutdown(ctx) }
`

// observed has the tests use an ownServer. What a test sets on a server with a connection
// is moved to before that: a connection's server is a copy.
func observed(text string) string {
	late := regexp.MustCompile(`(?m)^\ts\.(MaxMessageBytes|Enable\w+) = .*\n`)
	functions := strings.SplitAfter(text, "\n}\n")
	for i, f := range functions {
		begin, body, ok := strings.Cut(f, "(t *testing.T) {\n")
		set := late.FindString(body)
		if ok && set != "" && strings.Contains(begin, "func Test") {
			body = strings.Replace(body, set, "\t_ = s\n", 1)
			functions[i] = begin + "(t *testing.T) {\n\tpreset = func(s *ownServer) {\n" + set + "\t}\n" + body
		}
	}
	return strings.NewReplacer("*smtp.Server", "*ownServer", "smtp.NewServer(", "newOwnServer(").Replace(strings.Join(functions, ""))
}

// go-smtp's own tests of its server pass with our server.
func TestUpstream(t *testing.T) {
	out := upstream.Test(t, upstream.Library{
		Module: "github.com/emersion/go-smtp",
		Edits:  map[string]func(string) string{"server_test.go": observed, "lmtp_server_test.go": observed},
		Extra:  map[string]string{"own_test.go": ownServer, "watch_test.go": upstream.Watch("smtp_test", "smtp", "smtp_connections_total")},
		Args: []string{"-timeout=30s", "-v", "-run=^TestServer",
			"-skip=^TestServer_Chunking_LMTP$"}, // it makes an LMTP server of one that has greeted by SMTP
	})
	if n := strings.Count(out, "\n--- PASS: TestServer"); n < 40 {
		t.Errorf("only %d of go-smtp's tests ran", n)
	}
}
