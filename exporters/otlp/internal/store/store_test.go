package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

// The signals of a test, and the smallest limit of a buffer.
const (
	traces, logs = "traces", "logs"
	leastBytes   = 8 << 20
)

// reportLog collects what is reported.
type reportLog struct {
	mu    sync.Mutex
	texts []string
}

func (h *reportLog) report(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, err.Error())
}

func (h *reportLog) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.texts, "\n")
}

func choiceFor(dir string) Config {
	return Config{
		Dir: dir, Setting: "SETTING", MaxBytes: leastBytes, MaxAge: time.Hour, Report: func(error) {},
		Signals: []Signal{{traces, "spans"}, {"metrics", "data points"}, {logs, "log records"}},
	}
}

func mustOpen(t *testing.T, config Config) (*Store, *reportLog) {
	t.Helper()
	h := &reportLog{}
	config.Report = h.report
	s, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s, h
}

// closeStore closes s once.
func closeStore(t *testing.T, s *Store) {
	t.Helper()
	select {
	case <-s.ending:
		return
	default:
	}
	if err := s.Leave(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// fill puts n requests of one item each, whose bodies are their numbers padded
// to size bytes.
func fill(s *Store, sig string, from, n, size int) {
	a := s.account(sig)
	for i := from; i < from+n; i++ {
		body := fmt.Appendf(nil, "%08d", i)
		body = append(body, bytes.Repeat([]byte{'.'}, max(size-len(body), 0))...)
		a.Accept(1)
		a.Put(1, body)
	}
}

// empty picks and settles all there is and returns the numbers in the bodies.
func empty(s *Store, sig string) (numbers []string) {
	a := s.account(sig)
	for {
		e, body, ok := a.Pick()
		if !ok {
			return numbers
		}
		if body == nil {
			a.Settle(e, 0, ledger.Damaged)
			continue
		}
		numbers = append(numbers, string(body[:8]))
		a.Settle(e, e.Items, ledger.Rejected)
	}
}

func wantLedger(t *testing.T, s *Store, sig string, want ledger.Ledger) {
	t.Helper()
	got := s.account(sig).Ledger()
	if !got.Balanced() {
		t.Errorf("%s: the counts do not balance: %+v", sig, got)
	}
	if got != want {
		t.Errorf("%s: counts %+v, want %+v", sig, got, want)
	}
}

func numbers(from, n int) string {
	var all []string
	for i := from; i < from+n; i++ {
		all = append(all, fmt.Sprintf("%08d", i))
	}
	return strings.Join(all, " ")
}

func TestStoreKeepsOrderAndCountsAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	s, _ := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 20, 10)
	fill(s, logs, 100, 5, 20_000)
	a := s.account(traces)
	for range 3 {
		e, _, _ := a.Pick()
		a.Settle(e, 1, ledger.Rejected)
	}
	e, body, ok := a.Pick()
	if !ok || string(body[:8]) != "00000003" {
		t.Fatalf("picked %q, %v", body, ok)
	}
	a.Settle(e, 0, ledger.Rejected)
	e, _, _ = a.Pick()
	a.Release() // not delivered: it comes again
	if again, _, _ := a.Pick(); again.seq != e.seq {
		t.Errorf("after a release came record %d, want %d", again.seq, e.seq)
	}
	closeStore(t, s)

	s, h := mustOpen(t, choiceFor(dir))
	want := ledger.Ledger{Produced: 20, Sent: 3, Disk: 16}
	want.Dropped[ledger.Rejected] = 1
	wantLedger(t, s, traces, want)
	wantLedger(t, s, logs, ledger.Ledger{Produced: 5, Disk: 5})
	fill(s, traces, 20, 2, 10)
	if got := strings.Join(empty(s, traces), " "); got != numbers(4, 18) {
		t.Errorf("came back: %s", got)
	}
	if got := strings.Join(empty(s, logs), " "); got != numbers(100, 5) {
		t.Errorf("came back: %s", got)
	}
	want = ledger.Ledger{Produced: 22, Sent: 21}
	want.Dropped[ledger.Rejected] = 1
	wantLedger(t, s, traces, want)
	if s.account(traces).bytes != 0 || s.account(logs).bytes != 0 {
		t.Errorf("an empty store has %d and %d bytes", s.account(traces).bytes, s.account(logs).bytes)
	}
	if h.all() != "" {
		t.Errorf("reports: %s", h.all())
	}
}

func TestStoreDropsTheOldestOfTheLargest(t *testing.T) {
	config := choiceFor(t.TempDir())
	s, h := mustOpen(t, config)
	const size = 1<<20 - 4096
	fill(s, logs, 0, 1, size)
	fill(s, traces, 10, 2, size)
	inFlight, _, _ := s.account(traces).Pick() // must stay, although it is the oldest
	fill(s, traces, 12, 8, size)
	want := ledger.Ledger{Produced: 10, Disk: 7}
	want.Dropped[ledger.TooManyBytes] = 3
	wantLedger(t, s, traces, want)
	wantLedger(t, s, logs, ledger.Ledger{Produced: 1, Disk: 1})
	if !strings.Contains(h.all(), "too_many_bytes") {
		t.Errorf("reports: %s", h.all())
	}
	s.account(traces).Settle(inFlight, 1, ledger.Rejected)
	if got := strings.Join(empty(s, traces), " "); got != numbers(14, 6) {
		t.Errorf("left: %s", got)
	}
	fill(s, traces, 0, 1, leastBytes)
	if got := s.account(traces).Ledger(); got.Dropped[ledger.TooLarge] != 1 || !got.Balanced() {
		t.Errorf("a request larger than the buffer: %+v", got)
	}
}

// The file does not grow with what it no longer holds.
func TestStoreFileIsBounded(t *testing.T) {
	t.Parallel()
	config := choiceFor(t.TempDir())
	s, _ := mustOpen(t, config)
	for i := range 400 {
		fill(s, traces, i, 1, 50_000+(i%7)*40_000) // 65 MB in all
	}
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if most := config.MaxBytes*3/2 + 16<<20; info.Size() > most {
		t.Errorf("the file has %d bytes for a limit of %d", info.Size(), config.MaxBytes)
	}
	if got := s.account(traces).Ledger(); !got.Balanced() || got.Dropped[ledger.TooManyBytes] == 0 || got.Produced != 400 {
		t.Errorf("counts: %+v", got)
	}
}

// When an outage is over, the file gives its space back.
func TestStoreFileShrinks(t *testing.T) {
	t.Parallel()
	config := choiceFor(t.TempDir())
	config.MaxBytes = 64 << 20
	s, _ := mustOpen(t, config)
	fill(s, traces, 0, 40, 500_000)
	renew := func() int64 {
		s.disk.Lock()
		defer s.disk.Unlock()
		s.renew()
		info, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if size := renew(); size < 20_000_000 {
		t.Errorf("with 20 MB waiting the file has %d bytes", size)
	}
	if got := strings.Join(empty(s, traces), " "); got != numbers(0, 40) {
		t.Errorf("came back: %s", got)
	}
	if size := renew(); size > 1<<20 && runtime.GOOS != "windows" {
		t.Errorf("the empty file has %d bytes", size)
	}
	if _, err := Open(config); err == nil || !strings.Contains(err.Error(), "no other process") {
		t.Errorf("the new file is not locked: %v", err)
	}
	fill(s, traces, 40, 3, 10)
	closeStore(t, s)
	s, _ = mustOpen(t, config)
	wantLedger(t, s, traces, ledger.Ledger{Produced: 43, Sent: 40, Disk: 3})
	if files, err := os.ReadDir(config.Dir); err != nil || len(files) != 1 {
		t.Errorf("in the directory: %v, %v", files, err)
	}
}

func TestStoreDropsWhatIsTooOld(t *testing.T) {
	config := choiceFor(t.TempDir())
	s, _ := mustOpen(t, config)
	fill(s, traces, 0, 5, 10)
	closeStore(t, s)
	time.Sleep(20 * time.Millisecond) // what is stored must be older than the limit below
	config.MaxAge = 10 * time.Millisecond
	s, h := mustOpen(t, config)
	s.disk.Lock()
	s.commit()
	s.disk.Unlock()
	want := ledger.Ledger{Produced: 5}
	want.Dropped[ledger.TooOld] = 5
	wantLedger(t, s, traces, want)
	if !strings.Contains(h.all(), "5 spans dropped from "+s.Dir+": too_old") {
		t.Errorf("reports: %s", h.all())
	}
	if got := empty(s, traces); got != nil {
		t.Errorf("still there: %s", got)
	}
}

func TestStoreIsLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 3, 10)
	begun := time.Now()
	_, err := Open(choiceFor(dir))
	if err == nil || !strings.Contains(err.Error(), "SETTING: \""+dir+"\" is not allowed: want a directory that no other process uses: ") {
		t.Errorf("the second one: %v", err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %v to say so", took)
	}
	if got := strings.Join(empty(s, traces), " "); got != numbers(0, 3) {
		t.Errorf("the first one has %s", got)
	}
}

func TestStoreCannotBeOpened(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	foreign := filepath.Join(base, "foreign")
	newer := filepath.Join(base, "newer")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(file, []byte("mine"), 0o600))
	for dir, bucket := range map[string]string{foreign: "theirs", newer: "otelmail"} {
		must(os.Mkdir(dir, 0o700))
		db, err := bbolt.Open(filepath.Join(dir, FileName), 0o600, nil)
		must(err)
		must(db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte(bucket))
			must(err)
			return b.Put(formatName, []byte("2"))
		}))
		must(db.Close())
	}
	for _, tt := range []struct{ dir, want string }{
		{file, "a directory in which this process may create and write files"},
		{filepath.Join(base, "no", "parent"), "a directory in which this process may create and write files"},
		{"/proc/nowhere", "a directory in which this process may create and write files"},
		{foreign, "a directory without a foreign " + FileName},
		{newer, `format "2"`},
	} {
		before, _ := os.ReadFile(filepath.Join(tt.dir, FileName))
		_, err := Open(choiceFor(tt.dir))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("SETTING: %q is not allowed: want ", tt.dir)) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.dir, err, tt.want)
		}
		after, _ := os.ReadFile(filepath.Join(tt.dir, FileName))
		if !bytes.Equal(before, after) {
			t.Errorf("%s was changed", tt.dir)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "mine" {
		t.Errorf("a file that is not ours is now %q, %v", data, err)
	}
}
