package store

import (
	"context"
	"testing"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// How long it takes to write one request of 100 kB to the disk, read it and remove it.
func BenchmarkStore(b *testing.B) {
	config := choiceFor(b.TempDir())
	config.MaxBytes = 256 << 20
	s, err := Open(config)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Leave(context.Background()) }()
	body := make([]byte, 100_000)
	a := s.account(traces)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		a.Accept(1)
		a.Put(1, body)
		e, _, _ := a.Pick()
		a.Settle(e, 1, ledger.Rejected)
	}
}
