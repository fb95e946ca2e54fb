package otlp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/check"
	"github.com/rusmes/otelmail/exporters/otlp"
	"github.com/rusmes/otelmail/internal/freeport"
)

// canary is in everything that is secret, and shown nowhere.
const canary = "s3cret-canary"

// found is what a check says of OTLP, a line each.
func found(r check.Report) (lines []string) {
	for _, f := range r.Findings {
		if strings.HasPrefix(f.Text, "OTLP ") {
			lines = append(lines, fmt.Sprintf("%s: %s", f.Level, f.Text))
		}
	}
	return lines
}

// listen gives each connection to serve, until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

// web is a server of HTTP that is no receiver.
func web(t *testing.T, config *tls.Config, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(answer)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config == nil {
		s.Start()
	} else {
		s.TLS, s.EnableHTTP2 = config, true
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return s.URL
}

func answering(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "<html>"+canary+"\x1b[2J</html>")
	}
}

// certificateFor is one of an authority, as changed.
func certificateFor(t *testing.T, by identity, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{issue(t, "receiver", change, by).pair}}
}

// TestEachWrongEndpoint is said in one line, and each good one is said to be good.
func TestEachWrongEndpoint(t *testing.T) {
	t.Parallel()
	ca := newIdentity(t, "authority")
	trusted := &tls.Config{Certificates: []tls.Certificate{newIdentity(t, "receiver", ca).pair}}
	plain, secured := newReceiver(t, nil), newReceiver(t, trusted)
	mutual := trusted.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	clients := newReceiver(t, mutual)
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	known := newIdentity(t, "client", ca)
	stranger := newIdentity(t, "nobody they know")
	expiredClient := issue(t, "client", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, ca)
	late := []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", expiredClient.certFile, "OTEL_EXPORTER_OTLP_CLIENT_KEY", expiredClient.keyFile}
	strangers := []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", stranger.certFile, "OTEL_EXPORTER_OTLP_CLIENT_KEY", stranger.keyFile}
	handshakes := func(config *tls.Config) func(net.Conn) {
		return func(conn net.Conn) { _ = tls.Server(conn, config).Handshake(); conn.Close() }
	}
	nameless := listen(t, handshakes(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}))
	rare := trusted.Clone()
	rare.MaxVersion, rare.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	old := trusted.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	denied := newReceiver(t, nil)
	denied.setCallAnswer(func() error { return status.Error(codes.Unauthenticated, "not "+canary) })
	overloaded := newReceiver(t, nil)
	overloaded.setCallAnswer(func() error { return status.Error(codes.ResourceExhausted, "not now, "+canary) })
	busy := newReceiver(t, nil)
	busy.setCallAnswer(func() error { return status.Error(codes.Unavailable, "the queue is full") })
	silent := listen(t, func(net.Conn) {})
	closing := listen(t, func(conn net.Conn) { conn.Close() })
	smtp := listen(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "220 mail.example ESMTP\r\n") })
	wrongName := certificateFor(t, ca, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"mail.example"} })
	expired := certificateFor(t, ca, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 2, 3, 0, 0, 0, 0, time.UTC)
	})
	early := certificateFor(t, ca, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2091, 1, 1, 0, 0, 0, 0, time.UTC)
	})
	selfSigned := &tls.Config{Certificates: []tls.Certificate{newIdentity(t, "receiver").pair}}
	cutOff := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, strings.Repeat("x", 190)+canary)
	}
	badRequest := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(http.StatusBadRequest)
	}
	notFound := answering(404, "Content-Type", "text/plain")
	const (
		overHTTP, overGRPC = "http/protobuf", "grpc"
		all                = "traces, metrics, logs"
		good               = "an empty request is taken"
		noTime             = "the port accepts connections and does not answer in time"
		speaksTLS          = "the port speaks TLS: the endpoint must begin with https://"
		noTLS              = "the port speaks no TLS: the endpoint must begin with http://"
		useGRPC            = "the port speaks gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or name the port for HTTP"
		useHTTP            = "the port speaks HTTP and no gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or name the port for gRPC"
		noHTTP2            = "the port speaks TLS without HTTP/2, which gRPC needs: does it take OTLP over HTTP? Then set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
		whom               = "OTEL_EXPORTER_OTLP_CERTIFICATE names the file of whom to trust"
		sent               = "who pushes is refused, sent was authorization"
	)
	for name, tc := range map[string]struct {
		protocol, url, want string
		env                 []string
	}{
		"good over HTTP":            {overHTTP, plain.httpURL(), "ok: " + good, nil},
		"good over HTTP and TLS":    {overHTTP, secured.httpURL(), "ok: " + good, nil},
		"a base path":               {overHTTP, plain.httpURL() + "/" + canary, "ok: " + good, nil},
		"compressed":                {overHTTP, plain.httpURL(), "ok: " + good, []string{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}},
		"nobody listens":            {overHTTP, "http://" + freeport.Address(t), "wrong: the connection is refused: nothing listens there", nil},
		"nobody listens, gRPC":      {overGRPC, "http://" + freeport.Address(t), "wrong: the connection is refused: nothing listens there", nil},
		"a wrong name":              {overHTTP, web(t, wrongName, notFound), `wrong: the certificate is not for "127.0.0.1", but for ["mail.example"]`, nil},
		"a wrong name, gRPC":        {overGRPC, newReceiver(t, wrongName).grpcURL(), `wrong: the certificate is not for "127.0.0.1", but for ["mail.example"]`, nil},
		"expired":                   {overHTTP, web(t, expired, notFound), "wrong: the certificate has expired on 2021-02-03", nil},
		"not yet valid":             {overHTTP, web(t, early, notFound), "wrong: the certificate is not valid before 2090-01-01: is the clock of this machine right?", nil},
		"signed by itself":          {overHTTP, web(t, selfSigned, notFound), "wrong: the certificate is signed by itself, and not trusted: " + whom, nil},
		"signed by itself, gRPC":    {overGRPC, newReceiver(t, selfSigned).grpcURL(), "wrong: the certificate is signed by itself, and not trusted: " + whom, nil},
		"nobody's authority":        {overHTTP, secured.httpURL(), `wrong: the certificate is from "CN=authority", who is not trusted: ` + whom, []string{"OTEL_EXPORTER_OTLP_CERTIFICATE", ""}},
		"a client certificate":      {overHTTP, clients.httpURL(), "wrong: a client certificate is wanted: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", nil},
		"a client's, gRPC":          {overGRPC, clients.grpcURL(), "wrong: a client certificate is wanted: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", nil},
		"a client's, TLS 1.2":       {overHTTP, web(t, mutual12, notFound), "wrong: a client certificate is wanted: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", nil},
		"a stranger's":              {overHTTP, clients.httpURL(), "wrong: the client certificate that is wanted is one of another authority than ours: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", strangers},
		"a stranger's, gRPC":        {overGRPC, clients.grpcURL(), "wrong: the client certificate that is wanted is one of another authority than ours: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", strangers},
		"a client's, expired":       {overHTTP, clients.httpURL(), "wrong: our client certificate is refused: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", late},
		"a client's, expired, gRPC": {overGRPC, clients.grpcURL(), "wrong: our client certificate is refused: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY name its files", late},
		"a client's, good":          {overHTTP, clients.httpURL(), "ok: an empty request is taken", []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", known.certFile, "OTEL_EXPORTER_OTLP_CLIENT_KEY", known.keyFile}},
		"no such name":              {overHTTP, "https://" + nameless, "wrong: the name in the endpoint is not known there", nil},
		"no cipher":                 {overHTTP, "https://" + listen(t, handshakes(rare)), "wrong: the port speaks TLS, and has no cipher in common with us", nil},
		"TLS 1.1":                   {overHTTP, web(t, old, notFound), "wrong: the TLS there is too old: TLS 1.1, want TLS 1.2 or newer", nil},
		"TLS 1.1, gRPC":             {overGRPC, newReceiver(t, old).grpcURL(), "wrong: the TLS there is too old: want TLS 1.2 or newer", nil},
		"plain text to TLS":         {overHTTP, "http://" + secured.httpAddr, "wrong: " + speaksTLS, nil},
		"plain text to gRPC+TLS":    {overGRPC, "http://" + secured.grpcAddr, "wrong: " + speaksTLS, nil},
		"TLS to plain text":         {overHTTP, "https://" + plain.httpAddr, "wrong: " + noTLS, nil},
		"TLS to plain gRPC":         {overGRPC, "https://" + plain.grpcAddr, "wrong: " + noTLS, nil},
		"HTTP to gRPC":              {overHTTP, plain.grpcURL(), "wrong: " + useGRPC, nil},
		"HTTP to gRPC, TLS":         {overHTTP, secured.grpcURL(), "wrong: " + useGRPC, nil},
		"gRPC to HTTP":              {overGRPC, plain.httpURL(), "wrong: " + useHTTP, nil},
		"gRPC to HTTP, TLS":         {overGRPC, secured.httpURL(), "wrong: " + noHTTP2, nil},
		"gRPC to HTTP/2":            {overGRPC, web(t, trusted, notFound), "wrong: " + useHTTP, nil},
		"401":                       {overHTTP, web(t, nil, answering(401)), "wrong: the port answers 401 Unauthorized: " + sent, nil},
		"401 without headers":       {overHTTP, web(t, nil, answering(401)), "wrong: the port answers 401 Unauthorized: no header says who pushes, want OTEL_EXPORTER_OTLP_HEADERS", []string{"OTEL_EXPORTER_OTLP_HEADERS", ""}},
		"403":                       {overHTTP, web(t, nil, answering(403)), "wrong: the port answers 403 Forbidden: " + sent, nil},
		"403 to gRPC":               {overGRPC, web(t, trusted, answering(403)), "wrong: the port answers 403: " + sent, nil},
		"unauthenticated":           {overGRPC, denied.grpcURL(), "wrong: the receiver answers Unauthenticated: " + sent, nil},
		"exhausted":                 {overGRPC, overloaded.grpcURL(), `wrong: the receiver answers ResourceExhausted: "not now, …"`, nil},
		"unavailable":               {overGRPC, busy.grpcURL(), `wrong: the receiver answers Unavailable: "the queue is full"`, nil},
		"404":                       {overHTTP, web(t, nil, answering(404)), "wrong: the port answers 404 Not Found: no receiver of OTLP is at this path", nil},
		"503":                       {overHTTP, web(t, nil, answering(503, "Content-Type", "text/plain")), "wrong: the port answers 503 Service Unavailable: it takes nothing now", nil},
		"elsewhere":                 {overHTTP, web(t, nil, answering(302, "Location", "https://u:"+canary+"@elsewhere.example/"+canary)), `wrong: the port answers 302 Found and sends to "https://elsewhere.example", where no push goes`, nil},
		"a web page":                {overHTTP, web(t, nil, answering(200, "Content-Type", "text/html; charset=utf-8")), "wrong: the port answers 200 OK with a web page: no receiver of OTLP does", nil},
		"some text":                 {overHTTP, web(t, nil, answering(200, "Content-Type", "text/plain")), `warning: the port answers 200 OK, but not as a receiver of OTLP ("text/plain")`, nil},
		"a proxy in front":          {overHTTP, web(t, nil, answering(403, "Via", "1.1 squid")), "wrong: a proxy (Via) answers 403 Forbidden: " + sent, nil},
		"another answer":            {overHTTP, web(t, nil, answering(418, "Content-Type", "text/plain")), `wrong: the port answers 418 I'm a teapot: "<html>…\x1b[2J</html>"`, nil},
		"a secret that is cut off":  {overHTTP, web(t, nil, cutOff), "wrong: the port answers 418 I'm a teapot: \"" + strings.Repeat("x", 190) + "…\"", nil},
		"refuses what is empty":     {overHTTP, web(t, nil, badRequest), "warning: a receiver of OTLP answers, and refuses a request that is empty: whether it takes others is not known", nil},
		"silent":                    {overHTTP, "http://" + silent, "wrong: " + noTime, []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "2000"}},
		"silent, TLS":               {overHTTP, "https://" + silent, "wrong: " + noTime, []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "2000"}},
		"silent, gRPC":              {overGRPC, "http://" + silent, "wrong: " + noTime, []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "2000"}},
		"closes":                    {overHTTP, "http://" + closing, "wrong: the port speaks neither HTTP nor gRPC", nil},
		"closes, gRPC":              {overGRPC, "http://" + closing, "wrong: the port speaks neither HTTP nor gRPC", nil},
		"closes, TLS":               {overHTTP, "https://" + closing, "wrong: no TLS connection is made: it ends in the handshake", nil},
		"speaks SMTP":               {overHTTP, "http://" + smtp, `wrong: the port speaks neither HTTP nor gRPC`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user := "user:" + canary + "@"
			if slices.Contains(tc.env, "OTEL_EXPORTER_OTLP_HEADERS") {
				user = ""
			}
			pairs := append(slices.Clone(tc.env), "OTEL_EXPORTER_OTLP_PROTOCOL", tc.protocol, "OTEL_EXPORTER_OTLP_ENDPOINT", strings.Replace(tc.url, "://", "://"+user, 1),
				"OTEL_EXPORTER_OTLP_CERTIFICATE", ca.certFile, "OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20"+canary)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			r := check.Run(ctx, env(pairs...), push())
			level, text, _ := strings.Cut(tc.want, ": ")
			where := strings.Replace(tc.url, canary, "…", 1)
			want := fmt.Sprintf("%s: OTLP %s to %s (%s): %s", level, all, where, tc.protocol, text)
			if got := strings.Join(found(r), "\n"); got != want {
				t.Errorf("found\n%s\nwant\n%s", got, want)
			}
			if r.OK() == (level == "wrong") {
				t.Errorf("OK is %t", r.OK())
			}
			var b strings.Builder
			if _, err := r.WriteTo(&b); err != nil || strings.Contains(b.String(), canary) || strings.ContainsRune(b.String(), 0x1b) {
				t.Errorf("a secret is shown, or a terminal's cursor moved: %v\n%s", err, &b)
			}
		})
	}
}

// What is good over gRPC is said signal by signal, where a receiver refuses an empty request of one.
func TestGoodOverGRPC(t *testing.T) {
	ca := newIdentity(t, "authority")
	for _, config := range []*tls.Config{nil, {Certificates: []tls.Certificate{newIdentity(t, "receiver", ca).pair}}} {
		r := newReceiver(t, config)
		report := check.Run(t.Context(), env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT", r.grpcURL(),
			"OTEL_EXPORTER_OTLP_CERTIFICATE", ca.certFile, "OTEL_EXPORTER_OTLP_HEADERS", "tenant=a"), push())
		want := []string{
			"ok: OTLP traces, metrics to " + r.grpcURL() + " (grpc): an empty request is taken",
			"warning: OTLP logs to " + r.grpcURL() + " (grpc): a receiver of OTLP answers, and refuses a request that is empty: whether it takes others is not known",
		}
		if got := found(report); !slices.Equal(got, want) || r.allHeaders()["tenant"] != "a" {
			t.Errorf("found %q with the headers %q, want %q", got, r.allHeaders(), want)
		}
		if spans, records, _ := r.counts(); spans+records > 0 {
			t.Errorf("%d spans and %d records were sent", spans, records)
		}
	}
}

// TestNamesThatAreNotThere asks a name server that knows none, and one that is broken.
func TestNamesThatAreNotThere(t *testing.T) {
	usual := net.DefaultResolver
	defer func() { net.DefaultResolver = usual }()
	for code, want := range map[byte]string{
		3: `wrong: OTLP traces, metrics, logs to https://collector.invalid:4317 (grpc): the name "collector.invalid" is not found`,
		2: `wrong: OTLP traces, metrics, logs to https://collector.invalid:4317 (grpc): the name "collector.invalid" cannot be looked up: server misbehaving`,
	} {
		server, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		go func() {
			query := make([]byte, 1500)
			for {
				n, from, err := server.ReadFrom(query)
				if err != nil {
					return
				}
				query[2], query[3] = query[2]|0x80, 0x80|code
				_, _ = server.WriteTo(query[:n], from)
			}
		}()
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		report := check.Run(ctx, env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.invalid:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), push())
		cancel()
		if got := strings.Join(found(report), "\n"); got != want {
			t.Errorf("found\n%s\nwant\n%s", got, want)
		}
	}
}

// TestHeadersInPlainText: others could read them, on the way to another machine.
func TestHeadersInPlainText(t *testing.T) {
	const want = "warning: OTLP to http://192.0.2.1:4318 (http/protobuf): its headers (authorization) travel in plain text: want https"
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // nobody is there
	defer cancel()
	for headers, said := range map[string]bool{"authorization=" + canary: true, "": false} {
		report := check.Run(ctx, env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://192.0.2.1:4318", "OTEL_EXPORTER_OTLP_HEADERS", headers), push())
		if got := found(report); slices.Contains(got, want) != said || strings.Contains(strings.Join(got, "\n"), "plain text") != said {
			t.Errorf("with the headers %q found %q", headers, got)
		}
	}
}

// TestSignalsAreTriedSideBySide, even by a receiver that answers none before it has all.
func TestSignalsAreTriedSideBySide(t *testing.T) {
	var come atomic.Int32
	all := make(chan struct{})
	url := web(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if come.Add(1) == 3 {
			close(all)
		}
		select {
		case <-all:
			w.Header().Set("Content-Type", "application/x-protobuf")
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	want := []string{"ok: OTLP traces, metrics, logs to " + url + " (http/protobuf): an empty request is taken"}
	if got := found(check.Run(ctx, env("OTEL_EXPORTER_OTLP_ENDPOINT", url, "OTEL_EXPORTER_OTLP_TIMEOUT", "10000"), push())); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestTheTimeOfACheckIsBounded, by its context where the time of an attempt is longer.
func TestTheTimeOfACheckIsBounded(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(net.Conn) {})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begin := time.Now()
	report := check.Run(ctx, env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://"+silent, "OTEL_EXPORTER_OTLP_TIMEOUT", "600000"), push())
	if took := time.Since(begin); took > 20*time.Second || len(found(report)) != 1 || report.OK() {
		t.Errorf("after %v found %q", took, found(report))
	}
}

// TestByProxy runs in a process of its own: net/http reads the variables once.
func TestByProxy(t *testing.T) {
	t.Parallel()
	if url := os.Getenv("OTELMAIL_TEST_CHECK"); url != "" {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for _, line := range found(check.Run(ctx, push(otlp.Endpoint(url)), otelmail.WithoutGlobals())) {
			fmt.Println("found " + line)
		}
		return
	}
	receiver := newReceiver(t, nil)
	passes := func(w http.ResponseWriter, r *http.Request) { receiver.serveHTTP(w, r) }
	login := answering(http.StatusProxyAuthRequired, "Proxy-Authenticate", "Basic")
	const named = " (http/protobuf): by the proxy PROXY: "
	for name, tc := range map[string]struct {
		answer              http.HandlerFunc // nil: there is no proxy
		url, protocol, want string
	}{
		"passes on":      {passes, "http://collector.invalid:4318", "http/protobuf", named + "an empty request is taken"},
		"login":          {login, "http://collector.invalid:4318", "http/protobuf", named + "a proxy wants a user and a password (407): they stand in HTTP_PROXY or HTTPS_PROXY"},
		"login, TLS":     {login, "https://collector.invalid", "http/protobuf", named + "a proxy wants a user and a password (407): they stand in HTTP_PROXY or HTTPS_PROXY"},
		"login, gRPC":    {login, "http://192.0.2.1:4317", "grpc", " (grpc): by the proxy PROXY: a proxy wants a user and a password (407): they stand in HTTP_PROXY or HTTPS_PROXY"},
		"no tunnel":      {answering(403), "https://collector.invalid", "http/protobuf", named + "it makes no way to the receiver: 403 Forbidden"},
		"no tunnel,gRPC": {answering(403), "http://192.0.2.1:4317", "grpc", " (grpc): by the proxy PROXY: it makes no way to the receiver: 403 Forbidden"},
		"bad gateway":    {answering(502, "Via", "1.1 squid"), "http://collector.invalid", "http/protobuf", named + "a proxy (Via) answers 502 Bad Gateway with a web page: no receiver of OTLP does"},
		"away":           {nil, "http://collector.invalid", "http/protobuf", " (http/protobuf): the proxy PROXY: the connection is refused: nothing listens there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := "http://" + freeport.Address(t)
			if tc.answer != nil {
				proxy = web(t, nil, tc.answer)
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestByProxy$")
			with := strings.Replace(proxy, "://", "://user:"+canary+"@", 1)
			child.Env = append(os.Environ(), "OTELMAIL_TEST_CHECK="+tc.url, "HTTP_PROXY="+with, "HTTPS_PROXY="+with, "NO_PROXY=", "no_proxy=",
				"OTEL_EXPORTER_OTLP_PROTOCOL="+tc.protocol, "OTEL_EXPORTER_OTLP_HEADERS=")
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			want := tc.url + strings.Replace(tc.want, "PROXY", proxy, 1)
			if strings.Count(string(out), "found ") != 1 || !strings.Contains(string(out), want+"\n") || strings.Contains(string(out), canary) {
				t.Errorf("found\n%s\nwant\n%s", out, want)
			}
		})
	}
}

// FuzzAnswers: whatever a port answers over HTTP is one short line, and no secret in it.
func FuzzAnswers(f *testing.F) {
	f.Add(201, "text/html", "https://u:"+canary+"@h/", []byte("<html>"+canary))
	f.Add(0, "application/x-protobuf", "", []byte("\x0a\x03\x12\x01\xff"))
	f.Add(102, "application/grpc", "://", []byte(nil))
	f.Add(200, "\x1b[2J", "//%zz", []byte(nil))
	f.Add(218, "text/plain", "", []byte(strings.Repeat("\\\"", 300)+canary))
	f.Fuzz(func(t *testing.T, code int, kind, location string, body []byte) {
		url := web(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", location)
			w.WriteHeader(200 + max(code, -code)%400)
			_, _ = w.Write(body)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		r := check.Run(ctx, env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url, "OTEL_EXPORTER_OTLP_HEADERS", "api-key="+canary), push())
		var b strings.Builder
		if _, err := r.WriteTo(&b); err != nil || strings.Contains(b.String(), canary) || strings.ContainsRune(b.String(), 0x1b) {
			t.Errorf("error %v, or a secret is shown:\n%q", err, b.String())
		}
		if lines := found(r); len(lines) != 1 || len(lines[0]) > 600 {
			t.Errorf("found %q", lines)
		}
	})
}
