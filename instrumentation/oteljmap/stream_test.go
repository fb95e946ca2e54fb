package oteljmap_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/otelmailtest"
)

// Whatever passes through, in whatever pieces, passes unchanged: bodies that are
// no JSON, and bodies beyond the bound.
func TestBodiesPassUnchanged(t *testing.T) {
	w := sampled(t)
	random := rand.New(rand.NewPCG(3, 4))
	alphabet := []byte("{}[]\",:\\ue9 methodCalls\x00\xff")
	for _, bound := range []int64{0, 1, 100, 1 << 30} {
		var got, answered bytes.Buffer
		h := oteljmap.Wrap(w.Tel, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(&got, out)}, struct{ io.Reader }{r.Body}, make([]byte, 1+random.IntN(100)))
		}), oteljmap.MaxBody(bound))
		for i := range 200 {
			body := make([]byte, random.IntN(4000))
			for j := range body {
				body[j] = alphabet[random.IntN(len(alphabet))]
			}
			if i%2 == 0 {
				body = append([]byte(`{"methodCalls":[["a",{},"b"],`), body...)
			}
			got.Reset()
			answered.Reset()
			r := httptest.NewRequest(http.MethodPost, "/", iotest.DataErrReader(bytes.NewReader(body)))
			h.ServeHTTP(&httptest.ResponseRecorder{Body: &answered}, r)
			if !bytes.Equal(got.Bytes(), body) || !bytes.Equal(answered.Bytes(), body) {
				t.Fatalf("bound %d: %q became %q, then %q", bound, body, got.Bytes(), answered.Bytes())
			}
		}
	}
}

// Bodies of 12 MB go through, and errors at their end are counted.
func TestLargeBodies(t *testing.T) {
	w := sampled(t)
	large := strings.Repeat(`{"preview":"\u00e9 \"quoted\" [","list":[[]]},`, 250_000)
	request := `{"methodCalls":[["Email/get",{"accountId":"A","x":[` + large + `0]},"1"],["Email/set",{},"2"]]}`
	response := `{"methodResponses":[["Email/get",{"list":[` + large + `0]},"1"],["error",{"type":"serverFail"},"2"]]}`
	var sum [sha256.Size]byte
	server := w.api(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		_, _ = io.Copy(h, r.Body)
		sum = [sha256.Size]byte(h.Sum(nil))
		_, _ = io.Copy(out, strings.NewReader(response))
	}))
	if _, got := w.post(server.URL, request); got != response {
		t.Error("the response has changed")
	}
	if sum != sha256.Sum256([]byte(request)) {
		t.Error("the request has changed")
	}
	w.counted(1, 1)
	w.ended(1) // the calls were beyond MaxBody: the first has not ended there
}

// The request is read no further than the handler reads it.
func TestNothingIsReadAhead(t *testing.T) {
	w := sampled(t)
	body := &counting{Reader: strings.NewReader(twoCalls)}
	h := oteljmap.Wrap(w.Tel, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 20))
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", body))
	if body.n != 20 {
		t.Errorf("%d bytes were read, the handler read 20", body.n)
	}
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// Calls end as their responses are written, not when the last one is.
func TestEventsAndResponsesAreNotHeldBack(t *testing.T) {
	w := sampled(t)
	next := make(chan struct{})
	server := w.api(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(out, `{"methodResponses":[["Email/query",{},"q"],`+"\n")
		out.(http.Flusher).Flush()
		<-next
		_, _ = io.WriteString(out, `["Email/get",{},"g"]]}`)
	}))
	resp, err := http.Post(server.URL, "application/json", strings.NewReader(twoCalls))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, "Email/query") {
		t.Fatalf("%q, %v", line, err)
	}
	if got := w.ended(1)[0].Name(); got != "JMAP Email/query" {
		t.Errorf("%q ended first", got)
	}
	close(next)
	w.ended(3)
}

func TestEventSource(t *testing.T) {
	w := sampled(t)
	next := make(chan struct{})
	server := w.serve(oteljmap.Wrap(w.Tel, http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(out)
		if err := control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			_, _ = fmt.Fprintf(out, "event: state\ndata: %d\n\n", i)
			if err := control.Flush(); err != nil {
				t.Error(err)
			}
			<-next
		}
	}), oteljmap.SpanOnly(), oteljmap.WithRoute("/jmap/events")))
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		for range 2 {
			lines.Scan()
		}
		if want := fmt.Sprintf("data: %d", i); lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
		lines.Scan()
		next <- struct{}{}
	}
	w.Tree("GET /jmap/events")
}

// The handler finds the abilities of the server's ResponseWriter, no more.
func TestAbilitiesOfTheWriter(t *testing.T) {
	w := sampled(t)
	type base = http.ResponseWriter
	f, h, r, p := fake{}, fake{}, fake{}, fake{}
	for name, inner := range map[string]http.ResponseWriter{
		"": struct{ base }{},
		"F": struct {
			base
			http.Flusher
		}{nil, f},
		"H": struct {
			base
			http.Hijacker
		}{nil, h},
		"R": struct {
			base
			io.ReaderFrom
		}{nil, r},
		"FH": struct {
			base
			http.Flusher
			http.Hijacker
		}{nil, f, h},
		"FR": struct {
			base
			http.Flusher
			io.ReaderFrom
		}{nil, f, r},
		"HR": struct {
			base
			http.Hijacker
			io.ReaderFrom
		}{nil, h, r},
		"FHR": struct {
			base
			http.Flusher
			http.Hijacker
			io.ReaderFrom
		}{nil, f, h, r},
		"FP": struct {
			base
			http.Flusher
			http.Pusher
		}{nil, f, p},
		"FPC": struct {
			base
			http.Flusher
			http.Pusher
			closeNotifier
		}{nil, f, p, fake{}},
		"FHRC": struct {
			base
			http.Flusher
			http.Hijacker
			io.ReaderFrom
			closeNotifier
		}{nil, f, h, r, fake{}},
	} {
		oteljmap.Wrap(w.Tel, http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			got := ""
			if _, ok := out.(http.Flusher); ok {
				got += "F"
			}
			if _, ok := out.(http.Hijacker); ok {
				got += "H"
			}
			if _, ok := out.(io.ReaderFrom); ok {
				got += "R"
			}
			if _, ok := out.(http.Pusher); ok {
				got += "P"
			}
			if _, ok := out.(closeNotifier); ok {
				got += "C"
			}
			if got != name {
				t.Errorf("a writer with %q became one with %q", name, got)
			}
			if unwrapped := out.(interface{ Unwrap() http.ResponseWriter }).Unwrap(); unwrapped != inner {
				t.Errorf("%q: unwrapped to %T", name, unwrapped)
			}
		})).ServeHTTP(inner, httptest.NewRequest(http.MethodPost, "/", nil))
	}
}

// closeNotifier is what some frameworks ask a writer for without looking first.
type closeNotifier interface{ CloseNotify() <-chan bool }

// fake has every ability.
type fake struct{}

func (fake) CloseNotify() <-chan bool { return nil }

func (fake) Flush()                                       {}
func (fake) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errors.New("no") }
func (fake) ReadFrom(io.Reader) (int64, error)            { return 0, nil }
func (fake) Push(string, *http.PushOptions) error         { return nil }

// A download is copied by the server itself; an API response is read on its way.
func TestReadFrom(t *testing.T) {
	w := sampled(t)
	const body = `{"methodResponses":[["error",{"type":"serverFail"},"q"]]}`
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range [][]oteljmap.Option{nil, {oteljmap.SpanOnly()}} {
		var copied []string
		handler := oteljmap.Wrap(w.Tel, http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			file, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			if n, err := io.Copy(out, file); n != int64(len(body)) || err != nil {
				t.Error(n, err)
			}
		}), opts...)
		server := w.serve(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(spy{out, &copied}, r)
		}))
		if _, got := w.post(server.URL, "{}"); got != body {
			t.Errorf("got %q", got)
		}
		if want := len(opts); len(copied) != want {
			t.Errorf("copied by the server %d times, want %d", len(copied), want)
		}
	}
	w.counted(1, 1)
}

// spy notes what the server copies by itself.
type spy struct {
	http.ResponseWriter
	copied *[]string
}

func (s spy) ReadFrom(src io.Reader) (int64, error) {
	*s.copied = append(*s.copied, fmt.Sprintf("%T", src))
	return s.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
}

func TestHijackedConnections(t *testing.T) {
	w := sampled(t)
	server := httptest.NewUnstartedServer(oteljmap.Wrap(w.Tel, http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		conn, rw, err := out.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\nhello")
		_ = rw.Flush()
	}), oteljmap.SpanOnly()))
	server.Config.ConnState = oteljmap.ConnState(w.Tel)
	server.Start()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), "hello") {
		t.Fatalf("%q, %v", got, err)
	}
	w.ended(1)[0].Has(otelmailtest.Attributes{"http.response.status_code": nil, "error.type": nil})
	w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 0, `rusmes_tls_sessions_total{tls="no"}`: 1})
}

func TestConnectionsAreCountedExactly(t *testing.T) {
	w := sampled(t)
	server := httptest.NewUnstartedServer(answer("{}"))
	server.Config.ConnState = oteljmap.ConnState(w.Tel)
	server.Start()
	defer server.Close()
	var conns []net.Conn
	for range 20 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 20})
	for _, conn := range conns {
		conn.Close()
	}
	w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 0})
	w.Has(otelmailtest.Series{`rusmes_tls_sessions_total{tls="no"}`: 20})
}

// States that come twice, or for connections that are unknown or cannot be told
// apart, neither count nor panic.
func TestConnStateTakesWhateverComes(t *testing.T) {
	w := sampled(t)
	hook := oteljmap.ConnState(w.Tel)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	hook(a, http.StateNew)
	hook(a, http.StateNew)
	hook(b, http.StateClosed)
	hook(nil, http.StateNew)
	hook(odd{Conn: b, words: []string{"x"}}, http.StateNew)
	w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 1})
	hook(a, http.StateHijacked)
	hook(a, http.StateClosed)
	w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 0})
}

// net/http calls the hook in its accept loop: a client that says nothing behind the
// PROXY protocol must not delay the others.
func TestConnStateAsksForNoAddress(t *testing.T) {
	w := sampled(t)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	counted := make(chan struct{})
	go func() {
		oteljmap.ConnState(w.Tel)(unnamed{near}, http.StateNew)
		close(counted)
	}()
	select {
	case <-counted:
	case <-time.After(time.Minute):
		t.Fatal("the hook waits for an address")
	}
	w.Has(otelmailtest.Series{`rusmes_active_connections{protocol="jmap"}`: 1})
}

// unnamed is a connection whose addresses are not known before the client speaks.
type unnamed struct{ net.Conn }

func (unnamed) RemoteAddr() net.Addr { select {} }
func (unnamed) LocalAddr() net.Addr  { select {} }

// odd is a connection that is no key of a map.
type odd struct {
	net.Conn
	words []string
}

func TestManyRequestsAtOnce(t *testing.T) {
	w := sampled(t)
	server := w.api(answer(`{"methodResponses":[["error",{"type":"serverFail"},"q"],["Email/get",{},"g"]]}`))
	done := make(chan error)
	const n = 100
	for range n {
		go func() {
			resp, err := http.Post(server.URL, "application/json", strings.NewReader(twoCalls))
			if err == nil {
				resp.Body.Close()
			}
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	w.counted(n, n)
	w.ended(3 * n)
}
