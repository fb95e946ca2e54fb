package prometheus_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail/exporters/prometheus"
)

// hold opens connections from an address, sends what on each, and keeps them open.
func hold(t *testing.T, to, from, what string, n int) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range n {
		c, err := dialer.Dial("tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, what); err != nil && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
			t.Fatal(err)
		}
	}
}

// over makes one request on a connection that stays open.
func over(t *testing.T, c net.Conn, in *bufio.Reader, path, header string) int {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", path, header); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(in, nil) //nolint:bodyclose // the connection under it is closed
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// Whoever holds connections open, in whatever state, keeps out neither the probes nor a
// scraper; and who has logged in keeps the connection.
func TestConnectionsAreBounded(t *testing.T) {
	guess := "GET /metrics HTTP/1.1\r\nHost: x\r\n" + login("scraper", "guess") + "\r\n\r\n"
	for name, what := range map[string]string{
		"silent":          "",
		"slow headers":    "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"idle":            "GET /live HTTP/1.1\r\nHost: x\r\n\r\n",
		"a wrong login":   guess,
		"a body to come":  "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"no HTTP":         "\x16\x03\x01",
		"the next begins": guess + "GET /metr",
	} {
		t.Run(name, func(t *testing.T) {
			tel := start(t, prometheus.WithBasicAuth("scraper", hash(t, "open sesame", bcrypt.MinCost)))
			address, right := tel.server.Addr().String(), login("scraper", "open sesame")
			kept, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer kept.Close()
			in := bufio.NewReader(kept)
			if code := over(t, kept, in, "/metrics", right); code != 200 {
				t.Fatal(code)
			}
			hold(t, address, "127.0.0.1", what, 300)
			client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			for _, path := range []string{"/health", "/ready", "/live", "/metrics"} {
				// While 64 of one address are being answered, the next one is turned away.
				eventually(t, path+" beside them", func() bool {
					r, err := try(client, http.MethodGet, "http://"+address+path, right)
					if err == nil && r.code != 200 {
						t.Fatalf("%s beside them: %d", path, r.code)
					}
					return err == nil
				})
			}
			if code := over(t, kept, in, "/metrics", right); code != 200 {
				t.Errorf("on the connection from before: %d", code)
			}
			all := families(t, get(t, tel.url+"/metrics", right))
			if got := serverProblems(t, all, "connection"); got < 300-64 {
				t.Errorf("%v were closed", got)
			}
			eventually(t, "it is reported", func() bool { return strings.Contains(strings.Join(tel.errs.texts(), "\n"), "too many connections") })
		})
	}
}

// Many addresses have no more together than the server has.
func TestConnectionsOfManyAddresses(t *testing.T) {
	clientFrom(t, "127.0.0.2") // or skip
	tel := start(t)
	address := tel.server.Addr().String()
	for i := range 20 {
		hold(t, address, fmt.Sprintf("127.0.1.%d", i+1), "GET /", 20)
	}
	for range 5 {
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		if r := ask(t, client, http.MethodGet, tel.url+"/live"); r.code != 200 {
			t.Errorf("/live: %d", r.code)
		}
	}
	if got := serverProblems(t, families(t, get(t, tel.url+"/metrics")), "connection"); got < 400-256 {
		t.Errorf("%v were closed", got)
	}
}

// A request that is being answered is let end.
func TestRequestsKeepTheirConnections(t *testing.T) {
	reached, leave := make(chan struct{}), make(chan struct{})
	tel := start(t, prometheus.WithPage("/slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(reached)
		<-leave
		_, _ = io.WriteString(w, "done")
	})))
	answers := make(chan response, 1)
	go func() {
		r, err := try(plainClient, http.MethodGet, tel.url+"/slow")
		if err != nil {
			t.Error(err)
		}
		answers <- r
	}()
	<-reached
	hold(t, tel.server.Addr().String(), "127.0.0.1", "", 200)
	get(t, tel.url+"/live") // all of them were accepted before
	close(leave)
	if r := <-answers; r.body != "done" {
		t.Errorf("the request was cut off: %+v", r)
	}
}

// A flood of TLS handshakes from one address costs few of them, and others are let in.
func TestHandshakesAreBounded(t *testing.T) {
	other := clientFrom(t, "127.0.0.2")
	a := newAuthority(t)
	a.issue("server")
	url, errs := a.startTLS(serverTLS)
	client := a.client()
	client.Transport.(*http.Transport).DisableKeepAlives = true
	begun, done := time.Now(), 0
	for range 600 {
		if _, err := try(client, http.MethodGet, url+"/live"); err == nil {
			done++
		}
	}
	if most := 100 + 20*int(time.Since(begun).Seconds()+1); done > most || done < 100 {
		t.Errorf("%d handshakes, want 100 to %d", done, most)
	}
	tlsConfig := client.Transport.(*http.Transport).TLSClientConfig.Clone()
	tlsConfig.NextProtos = nil
	other.Transport.(*http.Transport).TLSClientConfig = tlsConfig
	page := ask(t, other, http.MethodGet, url+"/metrics")
	if got := serverProblems(t, families(t, page), "connection"); int(got) != 600-done {
		t.Errorf("%v refusals counted, want %d", got, 600-done)
	}
	eventually(t, "they are reported once", func() bool {
		texts := errs.texts()
		return len(texts) == 1 && strings.Contains(texts[0], "too many TLS handshakes")
	})
}
