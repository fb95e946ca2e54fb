package otlp_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// Whichever page of the buffer's file is lost, each span is sent or counted as damaged.
func TestDamagedBufferIsSentAndCounted(t *testing.T) {
	t.Parallel()
	const spans, page = 600, 4096
	origin, r := t.TempDir(), absentReceiver(t)
	open := func(dir string) (*otelmail.Telemetry, *otlp.Pusher) {
		c := newPusher(append(only("traces"), otlp.Endpoint(r.httpURL()), otlp.Buffer(dir))...)
		tel, _ := start(t, env(append(quick, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")...), otelmail.WithExporter(c))
		return tel, c
	}
	tel, c := open(origin)
	for range spans / 20 {
		emitSpans(tel, "a", 20)
	}
	if err := shutdown(tel, patience); err != nil {
		t.Fatal(err)
	}
	if s := statsOf(t, c, "traces"); s.OnDisk != spans {
		t.Fatalf("%+v", s)
	}
	const name = "otelmail-otlp.db"
	whole, err := os.ReadFile(filepath.Join(origin, name))
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	var lost, aside int64
	for at := 0; at < len(whole); at += page {
		damaged := bytes.Clone(whole)
		clear(damaged[at : at+page])
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		before, _, _ := r.counts()
		tel, c := open(dir)
		eventually(t, "nothing waits", func() bool { return statsOf(t, c, "traces").Waiting == 0 })
		_ = shutdown(tel, 10*time.Second) // names what is lost
		s := statsOf(t, c, "traces")
		arrived, _, _ := r.counts()
		if s.Produced != spans || s.Sent+s.Dropped.Damaged != spans || s.Sent != int64(arrived-before) {
			t.Errorf("page %d: %d arrived, %+v", at/page, arrived-before, s)
		}
		lost, aside = lost+s.Dropped.Damaged, aside+s.SetAside
	}
	t.Logf("%d pages: set aside %d times, %d spans lost", len(whole)/page, aside, lost)
	if lost == 0 || aside == 0 {
		t.Errorf("%d lost, set aside %d times: the damage does not test both", lost, aside)
	}
}
