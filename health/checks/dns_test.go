package checks_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/rusmes/otelmail/health/checks"
)

const (
	noError  = 0
	servFail = 2
	nxDomain = 3
)

// resolver asks a server that answers every question with the code, and an address if it is
// good. silent never answers.
func resolver(code byte, silent bool) *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			for {
				var length uint16
				if binary.Read(there, binary.BigEndian, &length) != nil {
					return
				}
				query := make([]byte, length)
				if _, err := io.ReadFull(there, query); err != nil {
					return
				}
				if !silent {
					answer := answerTo(query, code)
					_, _ = there.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
				}
			}
		}()
		return here, nil
	}}
}

// answerTo makes an answer of a question (RFC 1035 section 4).
func answerTo(query []byte, code byte) []byte {
	end := 12 + bytes.IndexByte(query[12:], 0) + 5 // the name, type and class
	answer := append([]byte{query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if isA := query[end-3] == 1; code == noError && isA {
		answer[7] = 1
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1)
	}
	return answer
}

func TestDNS(t *testing.T) {
	const name = "mx.example.org."
	wantError(t, run(t, checks.DNS(resolver(noError, false), name)))
	wantError(t, run(t, checks.DNS(resolver(nxDomain, false), name)), "health: dns", "mx.example.org", "no such host")
	wantError(t, run(t, checks.DNS(resolver(servFail, false), name)), "health: dns", "mx.example.org")
	wantError(t, run(t, checks.DNS(nil, "")), "name is empty")
	wantError(t, run(t, checks.DNS(nil, "127.0.0.1")))

	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	var once sync.Once
	silent := resolver(noError, true)
	dial := silent.Dial
	silent.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		once.Do(func() { close(began) })
		return dial(ctx, network, address)
	}
	go func() { <-began; cancel() }()
	if err := checks.DNS(silent, "192-0-2-1.example.org.")(ctx); err == nil {
		t.Error("a resolver that is silent: no error")
	}
	if err := checks.DNS(resolver(noError, false), name)(ctx); err == nil {
		t.Error("asked although the context has ended")
	}
}
