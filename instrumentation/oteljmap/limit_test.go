package oteljmap_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

// limited are handlers that bound the body, in the ways that handlers do.
var limited = map[string]http.Handler{
	"413": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1000)); err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}
	}),
	"JMAP's limit": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request any
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1000)).Decode(&request)
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"type":"urn:ietf:params:jmap:error:limit","limit":"maxSizeRequest"}`)
		}
	}),
	"MaxBytesHandler": http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}), 1000),
	"a limit below every buffer": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{http.MaxBytesReader(w, r.Body, 1000)}, make([]byte, 1)); err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		}
	}),
}

// A client that has sent more than it may is answered at once, whether it goes on or not,
// and the connection is closed: as by the same handler alone.
func TestMaxBytesReader(t *testing.T) {
	w := sampled(t)
	for name, h := range limited {
		for kind, handler := range map[string]http.Handler{
			"alone": h, "wrapped": oteljmap.Wrap(w.Tel, h), "span only": oteljmap.Wrap(w.Tel, h, oteljmap.SpanOnly()),
			"nothing looked at": oteljmap.Wrap(w.Tel, h, oteljmap.MaxBody(0)),
		} {
			for _, framing := range []string{"Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffff\r\n"} {
				t.Run(name+", "+kind+", "+framing[:7], func(t *testing.T) {
					server := w.serve(handler)
					c, err := net.Dial("tcp", server.Listener.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					_ = c.SetDeadline(time.Now().Add(patience))
					// And then nothing: the rest of the body never comes.
					_, _ = fmt.Fprintf(c, "POST /jmap HTTP/1.1\r\nHost: mail.example\r\n%s[%s", framing, strings.Repeat("1,", 1000))
					response, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil {
						t.Fatalf("no answer before the rest of the body: %v", err)
					}
					defer response.Body.Close()
					if response.StatusCode < 400 || !response.Close {
						t.Errorf("status %d, the connection ends: %v", response.StatusCode, response.Close)
					}
				})
			}
		}
	}
}

// A request that is refused for another reason, or in time, keeps its connection.
func TestConnectionsAreKept(t *testing.T) {
	w := sampled(t)
	for name, h := range map[string]http.HandlerFunc{
		"not read": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) },
		"read to its end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(http.MaxBytesReader(w, r.Body, 1000))
			http.Error(w, "no", http.StatusBadRequest)
		},
		"as long as it may be": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(http.MaxBytesReader(w, r.Body, 500))
			http.Error(w, "no", http.StatusRequestEntityTooLarge)
		},
		"wrong in the middle": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 100))
			http.Error(w, "no", http.StatusBadRequest)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := w.serve(oteljmap.Wrap(w.Tel, h))
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			r := bufio.NewReader(c)
			for range 3 {
				_, _ = fmt.Fprintf(c, "POST /jmap HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 500\r\n\r\n%s", strings.Repeat("1", 500))
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.Close {
					t.Error("the connection ends")
				}
			}
		})
	}
}

// What a handler finds by type or through ResponseController works as without the wrapper.
func TestWriterOfTheServer(t *testing.T) {
	w := sampled(t)
	handler := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(out)
		for what, err := range map[string]error{
			"SetReadDeadline": control.SetReadDeadline(time.Now().Add(time.Minute)), "SetWriteDeadline": control.SetWriteDeadline(time.Now().Add(time.Minute)),
		} {
			if err != nil {
				t.Errorf("HTTP/%d: %s: %v", r.ProtoMajor, what, err)
			}
		}
		if err := control.EnableFullDuplex(); err != nil {
			t.Errorf("HTTP/%d: EnableFullDuplex: %v", r.ProtoMajor, err)
		}
		if _, ok := out.(closeNotifier); !ok {
			t.Errorf("HTTP/%d: no CloseNotifier", r.ProtoMajor)
		}
		if err := out.(interface{ SetReadDeadline(time.Time) error }).SetReadDeadline(time.Time{}); err != nil {
			t.Errorf("HTTP/%d: SetReadDeadline by type: %v", r.ProtoMajor, err)
		}
		out.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(out, "{}")
		if err := control.Flush(); err != nil {
			t.Errorf("HTTP/%d: Flush: %v", r.ProtoMajor, err)
		}
		out.Header().Set("X-Sum", "1")
		out.Header().Set(http.TrailerPrefix+"X-Late", "2")
		// The client sends this only when it has read the beginning of the answer.
		if b, err := io.ReadAll(r.Body); string(b) != "later" || err != nil {
			t.Errorf("HTTP/%d: read %q, %v", r.ProtoMajor, b, err)
		}
	})
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(oteljmap.Wrap(w.Tel, handler))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		body, send := io.Pipe()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if http2 != (response.ProtoMajor == 2) {
			t.Fatalf("HTTP/%d", response.ProtoMajor)
		}
		go func() { _, _ = io.WriteString(send, "later"); _ = send.Close() }()
		if b, err := io.ReadAll(response.Body); string(b) != "{}" || err != nil {
			t.Errorf("HTTP/%d: %q, %v", response.ProtoMajor, b, err)
		}
		if response.Trailer.Get("X-Sum") != "1" || response.Trailer.Get("X-Late") != "2" {
			t.Errorf("HTTP/%d: trailers %v", response.ProtoMajor, response.Trailer)
		}
		_ = response.Body.Close()
	}
}
