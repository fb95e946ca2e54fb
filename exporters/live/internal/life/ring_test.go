package life_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/internal/mailevent"
	"github.com/rusmes/otelmail/mailconv"
)

func open(t testing.TB, c life.Config) *life.Store {
	t.Helper()
	s, err := life.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// emitter emits log records of any kind into a store, as somebody who has our scope could.
func emitter(s *life.Store) func(event string, attrs ...attribute.KeyValue) {
	emit := emitterAt(s)
	return func(event string, attrs ...attribute.KeyValue) { emit(time.Now(), event, attrs...) }
}

func emitterAt(s *life.Store) func(at time.Time, event string, attrs ...attribute.KeyValue) {
	logger := sdklog.NewLoggerProvider(sdklog.WithProcessor(s.Processor())).Logger(otelmail.ScopeName)
	return func(at time.Time, event string, attrs ...attribute.KeyValue) {
		var r log.Record
		r.SetTimestamp(at)
		r.SetEventName(event)
		r.AddAttributes(attrs...)
		logger.Emit(context.Background(), r)
	}
}

// message are attributes as a message has them.
func message(id int) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.message.id", fmt.Sprintf("Q%d", id)), attribute.String("email.message_id", fmt.Sprintf("%016x", id*7919)),
		attribute.String("email.from.hash", fmt.Sprintf("%016x", id%1000)), attribute.String("email.from.domain", fmt.Sprintf("d%d.example", id%300)),
		attribute.String("email.to.hash", fmt.Sprintf("%016x", id*31)), attribute.String("email.to.domain", "partner.example"),
		attribute.Int("messaging.message.body.size", id), attribute.String("email.direction", "outbound"),
		attribute.String("email.delivery.transport", "smtp"), attribute.Int("email.delivery.attempt", 1),
		attribute.String("network.protocol.name", "smtp"), attribute.String("server.address", "mx.partner.example"),
		attribute.String("tls.protocol.version", "1.3"), attribute.String("tls.cipher", "TLS_AES_128_GCM_SHA256"),
		attribute.Float64("email.queue.wait", float64(id)),
	}
}

// fat are attributes that take 2 KB.
func fat(id int) []attribute.KeyValue {
	attrs := message(id)
	for _, key := range []string{"email.stage.name", "smtp.helo", "user.id", "smtp.response.text"} {
		attrs = append(attrs, attribute.String(key, strings.Repeat(fmt.Sprintf("%09d-", id), 50)+key))
	}
	return attrs
}

// TestRingIsBounded: the ring takes as much memory as it says, and no more than it may,
// whatever the events hold. The oldest go first.
func TestRingIsBounded(t *testing.T) {
	huge := strings.Repeat("x", 4<<10)
	for name, fill := range map[string]struct {
		events int
		attrs  func(i int) []attribute.KeyValue
	}{
		"messages": {15_000, message},
		"nothing":  {40_000, func(int) []attribute.KeyValue { return nil }},
		"huge": {3_000, func(i int) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("messaging.message.id", fmt.Sprint(i, huge)), attribute.String("email.message_id", fmt.Sprint(-i, huge)),
				attribute.String("not.ours", huge), attribute.StringSlice("email.from.hash", []string{huge})}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 2 << 20
			before := heap()
			s, err := life.Open(life.Config{MaxBytes: most})
			if err != nil {
				t.Fatal(err)
			}
			emit := emitter(s)
			for i := range fill.events {
				emit(mailconv.EventQueued, fill.attrs(i)...)
				if i%1000 == 0 && s.Reach().Bytes > most {
					t.Fatalf("after %d events: %+v", i, s.Reach())
				}
			}
			r, took := s.Reach(), heap()-before
			// The runtime's size classes round up by an eighth at most.
			if took > most+most/8 || math.Abs(float64(took-r.Bytes)) > float64(r.Bytes)/8+256<<10 {
				t.Errorf("takes %d bytes, and says %d of %d", took, r.Bytes, r.MaxBytes)
			}
			share := int64(most / 4)
			if name != "nothing" {
				share *= 3
			}
			if r.Bytes < share*3/4 || r.Events == 0 || r.Events == int64(fill.events) {
				t.Errorf("keeps %d events in %d bytes of %d", r.Events, r.Bytes, share)
			}
			t.Logf("%d events in %d bytes", r.Events, r.Bytes)
			runtime.KeepAlive(s)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestStrangersPushOutNoMessage: a flood of failed logins and refusals leaves what has
// happened to messages where it was.
func TestStrangersPushOutNoMessage(t *testing.T) {
	s := open(t, life.Config{MaxBytes: 1 << 20})
	emit := emitter(s)
	emit(mailconv.EventQueued, message(1)...)
	for i := range 20_000 {
		emit(mailconv.EventLoginFailed, attribute.String("user.hash", fmt.Sprint(i)))
	}
	if r := search(t, s, "Q1"); found(r) != "Q1" {
		t.Errorf("found %q", found(r))
	}
	if r := s.Reach(); r.Events > 15_000 || r.From == nil || r.RefusalsFrom == nil || !r.RefusalsFrom.After(*r.From) {
		t.Errorf("reaches %+v", r)
	}
}

// TestOnlyMailEvents: no other log record is asked for, or kept.
func TestOnlyMailEvents(t *testing.T) {
	s := open(t, life.Config{})
	p := s.Processor()
	ours := sdklog.EnabledParameters{EventName: mailconv.EventQueued}
	ours.InstrumentationScope.Name = otelmail.ScopeName
	line, theirs := ours, ours
	line.EventName, theirs.InstrumentationScope.Name = "", "an application"
	for param, want := range map[sdklog.EnabledParameters]bool{ours: true, line: false, theirs: false} {
		if p.Enabled(context.Background(), param) != want {
			t.Errorf("%+v is wanted: %t", param, !want)
		}
	}
	var r log.Record
	r.SetEventName(mailconv.EventQueued)
	sdklog.NewLoggerProvider(sdklog.WithProcessor(p)).Logger("an application").Emit(context.Background(), r)
	emitter(s)("an.event", message(1)...)
	if got := s.Reach(); got.Events != 0 || got.From != nil {
		t.Errorf("keeps %+v", got)
	}
	for _, e := range mailevent.All() {
		emitter(s)(e.Name)
	}
	if got := s.Reach(); got.Events != int64(len(mailevent.All())) {
		t.Errorf("keeps %d events of %d", got.Events, len(mailevent.All()))
	}
}

// TestSearchesBesideInserts: neither sees the other's half-done work.
func TestSearchesBesideInserts(t *testing.T) {
	for name, c := range map[string]life.Config{"memory": {MaxBytes: 1 << 20}, "disk": {MaxBytes: life.MinDiskMaxBytes, Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c)
			emit := emitter(s)
			var last atomic.Int64
			var all sync.WaitGroup
			done := make(chan struct{})
			for range 2 {
				all.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						want := last.Load()
						id := fmt.Sprintf("Q%d", want)
						if r := search(t, s, id); want > 0 && (found(r) != id || names(r.Messages[0].Steps) != "queued:1 deferred:1" && names(r.Messages[0].Steps) != "queued:1 attempt:1") {
							t.Errorf("%s: found %q: %+v", id, found(r), r.Messages)
							return
						}
						if _, _, err := s.Failures(context.Background(), life.Filter{Limit: 10}); err != nil {
							t.Error(err)
							return
						}
						s.Reach()
					}
				})
			}
			for i := 1; i <= 1_000; i++ {
				emit(mailconv.EventQueued, message(i)...)
				emit(mailconv.EventAttempt, message(i)...)
				last.Store(int64(i))
				emit(mailconv.EventDeferred, message(i)...)
			}
			close(done)
			all.Wait()
		})
	}
}

// BenchmarkEmit is what an event costs the mail.
func BenchmarkEmit(b *testing.B) {
	s := open(b, life.Config{})
	emit := emitter(s)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		emit(mailconv.EventQueued, message(i)...)
	}
}

// BenchmarkSearch is a search in a full ring, beside a thousand messages a second.
func BenchmarkSearch(b *testing.B) {
	s := open(b, life.Config{})
	emit := emitter(s)
	for i := range 400_000 {
		emit(mailconv.EventQueued, message(i)...)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for i := 400_000; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				emit(mailconv.EventQueued, message(i)...)
			}
		}
	}()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Search(context.Background(), life.Query{Text: fmt.Sprintf("Q%d", 399_000-i%100_000)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFailures are the newest 500 of a hundred thousand.
func BenchmarkFailures(b *testing.B) {
	s := open(b, life.Config{})
	emit := emitter(s)
	for n := range 100_000 {
		emit(mailconv.EventQueued, message(n)...)
		emit(mailconv.EventDeferred, message(n)...)
	}
	for b.Loop() {
		if _, _, err := s.Failures(context.Background(), life.Filter{}); err != nil {
			b.Fatal(err)
		}
	}
}
