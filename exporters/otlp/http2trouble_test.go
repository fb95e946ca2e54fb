package otlp_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/rusmes/otelmail/exporters/otlp"
)

// secured is a receiver that speaks HTTP/2 over TLS, what its own certificate is, and the
// option that trusts it.
func secured(t *testing.T) (*receiver, *tls.Config, otlp.SignalOption) {
	t.Helper()
	ca := newIdentity(t, "ca")
	config := &tls.Config{Certificates: []tls.Certificate{newIdentity(t, "server", ca).pair}, NextProtos: []string{"h2"}}
	return newReceiver(t, config), config, otlp.TLS(&tls.Config{RootCAs: ca.pool()})
}

// endHTTP2 answers the first request on a connection with the frames that end writes.
func endHTTP2(conn net.Conn, end func(c net.Conn, f *http2.Framer, stream uint32)) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(conn, conn)
	_ = f.WriteSettings()
	for ended := false; ; {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			if ended {
				return
			}
			ended = true
			end(conn, f, frame.StreamID)
		}
	}
}

// A receiver, or a proxy before it, that breaks off a request over HTTP/2 gets it again.
func TestHTTP2BrokenOffIsSentAgain(t *testing.T) {
	t.Parallel()
	type end struct {
		name string
		end  func(c net.Conn, f *http2.Framer, stream uint32)
	}
	var ends []end
	for _, code := range []http2.ErrCode{
		http2.ErrCodeNo, http2.ErrCodeProtocol, http2.ErrCodeInternal, http2.ErrCodeCancel, http2.ErrCodeEnhanceYourCalm, 14, // of which nobody knows
	} {
		ends = append(ends,
			end{fmt.Sprint("RST_STREAM ", code), func(_ net.Conn, f *http2.Framer, stream uint32) { _ = f.WriteRSTStream(stream, code) }},
			end{fmt.Sprint("GOAWAY ", code), func(c net.Conn, f *http2.Framer, stream uint32) {
				_ = f.WriteGoAway(stream, code, []byte("too_many_pings"))
				_ = c.Close()
			}})
	}
	ends = append(ends, end{"an end without a status", func(_ net.Conn, f *http2.Framer, stream uint32) {
		var headers bytes.Buffer
		e := hpack.NewEncoder(&headers)
		_ = e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
		_ = e.WriteField(hpack.HeaderField{Name: "content-type", Value: "application/grpc"})
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: headers.Bytes(), EndHeaders: true})
		_ = f.WriteData(stream, true, nil)
	}})
	for _, protocol := range []string{"HTTP", "gRPC"} {
		for _, e := range ends {
			if protocol == "HTTP" && strings.HasSuffix(e.name, "status") {
				continue // it has one there
			}
			for _, way := range []string{"directly", "through a buffer"} {
				t.Run(strings.Join([]string{protocol, e.name, way}, " "), func(t *testing.T) {
					t.Parallel()
					opts := only("traces")
					r, config, trust := secured(t)
					to := map[string]string{"HTTP": r.httpAddr, "gRPC": r.grpcAddr}[protocol]
					m := newMiddlebox(t, to, func(c net.Conn) {
						s := tls.Server(c, config)
						endHTTP2(s, e.end)
						_ = s.Close()
					})
					opts = append(opts, trust, otlp.Endpoint("https://"+m.addr()))
					if protocol == "gRPC" {
						opts = append(opts, otlp.Protocol(otlp.GRPC))
					}
					if way != "directly" {
						opts = append(opts, otlp.Buffer(t.TempDir()))
					}
					tel, _ := start(t, env(quick...), push(opts...))
					emitSpans(tel, "a", 3)
					eventually(t, "they arrived", func() bool { n, _, _ := r.counts(); return n == 3 })
					if err := shutdown(tel, patience); err != nil {
						t.Errorf("Shutdown: %v", err)
					}
					if n := m.connections(); n < 2 {
						t.Errorf("%d connections, want the broken one and another", n)
					}
				})
			}
		}
	}
}

// A connection that the server closes in the moment in which a request begins is the
// other common way.
func TestClosedIdleConnectionIsNoSetting(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]string{
		"nothing":          "",
		"half an answer":   "HTTP/1.1 200 OK\r\nContent-Le",
		"half a body":      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nsor",
		"request time-out": "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, nil)
			m := newMiddlebox(t, r.httpAddr, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 1))
				_, _ = io.WriteString(c, say)
			})
			tel, _ := start(t, env(quick...), push(append(only("traces"), otlp.Endpoint("http://"+m.addr()))...))
			emitSpans(tel, "a", 3)
			eventually(t, "they arrived", func() bool { n, _, _ := r.counts(); return n == 3 })
			if err := shutdown(tel, patience); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}
