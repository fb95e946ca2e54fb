package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
)

const boltPage = 4096

// filled is a file in which 27 spans and 12 records wait, in trees of several pages, after
// some were sent. killed leaves it as a kill does.
func filled(t *testing.T, killed bool) (data []byte, of map[string]ledger.Ledger) {
	t.Helper()
	dir := t.TempDir()
	s, _ := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 30, 100)
	fill(s, traces, 30, 2, 6000)
	fill(s, logs, 500, 12, 700)
	a := s.account(traces)
	for range 5 {
		e, _, _ := a.Pick()
		a.Settle(e, e.Items, ledger.Rejected)
	}
	read := func() []byte {
		data, err := os.ReadFile(filepath.Join(dir, FileName))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	of = map[string]ledger.Ledger{traces: a.Ledger(), logs: s.account(logs).Ledger()}
	if killed {
		return read(), of
	}
	closeStore(t, s)
	return read(), of
}

// Whichever page is lost, the counts go on, what can be read is sent, and what cannot is
// counted. The next start finds nothing to mend.
func TestEachPageLost(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprint("killed ", killed), func(t *testing.T) {
			whole, before := filled(t, killed)
			st := states(bytes.NewReader(whole))
			if len(st) != 2 {
				t.Fatalf("%d states", len(st))
			}
			pages, aside, losses := int(st[0].pages), 0, 0
			for n := range pages {
				damaged := bytes.Clone(whole)
				clear(damaged[n*boltPage : (n+1)*boltPage])
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, FileName), damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				s, h := mustOpen(t, choiceFor(dir))
				set := s.SetAside()
				aside += int(set)
				if files, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")); len(files) != int(set) || set > 1 {
					t.Fatalf("page %d: set aside %q, counted %d", n, files, set)
				} else if set == 1 {
					if got, _ := os.ReadFile(files[0]); !bytes.Equal(got, damaged) {
						t.Errorf("page %d: what was set aside is not what was there", n)
					}
					if !strings.Contains(h.all(), files[0]) {
						t.Errorf("page %d: reports %s", n, h.all())
					}
				}
				fill(s, traces, 1000, 3, 3000) // the new file takes more
				for sig, add := range map[string]int64{traces: 3, logs: 0} {
					got := empty(s, sig)
					l, was := s.account(sig).Ledger(), before[sig]
					if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
						t.Errorf("page %d: %s came as %s", n, sig, got)
					}
					lost := l.Dropped[ledger.Damaged]
					losses += int(lost)
					// A kill may have come between two states, one request apart.
					slack := int64(0)
					if killed {
						slack = 1
					}
					if !l.Balanced() || l.Disk != 0 || was.Produced+add-l.Produced > slack || l.Produced > was.Produced+add ||
						int64(len(got))+lost < was.Disk+add-slack || int64(len(got))+lost > was.Disk+add+slack || l.Lost() != lost {
						t.Errorf("page %d: %s: %d came, %+v, before %+v", n, sig, len(got), l, was)
					}
				}
				closeStore(t, s)
				again, h := mustOpen(t, choiceFor(dir))
				if again.SetAside() != set || h.all() != "" {
					t.Errorf("page %d: the next start set aside %d, reports %s", n, again.SetAside(), h.all())
				}
				closeStore(t, again)
			}
			t.Logf("%d of %d pages: the file was set aside; %d of %d requests lost", aside, pages, losses, pages*39)
			if aside < 5 || losses == 0 {
				t.Errorf("%d set aside, %d lost: the damage does not test both", aside, losses)
			}
		})
	}
}

// A page that is lost while the file is in use is noticed then, not at the next start.
func TestPageLostWhileInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, h := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 10, 6000)
	fill(s, logs, 0, 4, 6000)
	a := s.account(traces)
	first, _, _ := a.Pick()
	var lost int64
	zero := func() {
		s.disk.Lock()
		defer s.disk.Unlock()
		n := 0
		c := states(s.file)[0]
		readContents(s.file, fileLength(t, s), c, s.Signals, func(signal string, r stored) {
			if n++; signal == traces && n == 9 {
				lost = r.at / boltPage * boltPage
			}
		})
		if _, err := s.file.WriteAt(make([]byte, boltPage), lost); err != nil {
			t.Fatal(err)
		}
	}
	zero()
	a.Settle(first, 1, ledger.Rejected)
	var got []string
	for deadline := time.Now().Add(20 * time.Second); a.Ledger().Disk > 0; time.Sleep(5 * time.Millisecond) {
		got = append(got, empty(s, traces)...)
		if time.Now().After(deadline) {
			t.Fatalf("%d came, %+v, reports: %s", len(got), a.Ledger(), h.all())
		}
	}
	if !slices.IsSorted(got) || len(got) != 8 {
		t.Errorf("came: %s", got)
	}
	want := ledger.Ledger{Produced: 10, Sent: 9}
	want.Dropped[ledger.Damaged] = 1
	wantLedger(t, s, traces, want)
	wantLedger(t, s, logs, ledger.Ledger{Produced: 4, Disk: 4})
	if s.SetAside() != 1 || !strings.Contains(h.all(), "1 of ") || !strings.Contains(h.all(), " spans dropped") {
		t.Errorf("set aside %d, reports: %s", s.SetAside(), h.all())
	}
	fill(s, traces, 50, 3, 10)
	closeStore(t, s)
	s, _ = mustOpen(t, choiceFor(dir))
	if got := strings.Join(empty(s, traces), " "); got != numbers(50, 3) {
		t.Errorf("after a restart: %s", got)
	}
	if got := strings.Join(empty(s, logs), " "); got != numbers(0, 4) {
		t.Errorf("after a restart: %s", got)
	}
}

func fileLength(t *testing.T, s *Store) int64 {
	t.Helper()
	info, err := s.file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A process that dies while it takes over what could be read leaves that to the next one.
func TestKilledWhileRescuing(t *testing.T) {
	whole, before := filled(t, false)
	dir := t.TempDir()
	aside := filepath.Join(dir, FileName+".damaged-20260101T000000Z")
	if err := os.WriteFile(aside, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 2, 10) // half of it
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(ownerName).Put(sourceName, []byte(filepath.Base(aside)))
	})
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s, h := mustOpen(t, choiceFor(dir))
	for sig, was := range before {
		wantLedger(t, s, sig, was)
		if got := empty(s, sig); int64(len(got)) != was.Disk {
			t.Errorf("%s: %d came, want %d", sig, len(got), was.Disk)
		}
	}
	if s.SetAside() != 1 || !strings.Contains(h.all(), "all that waited in it is kept") {
		t.Errorf("set aside %d, reports: %s", s.SetAside(), h.all())
	}
}

// Whatever the bytes are, reading them ends, without a panic, and within their bounds.
func FuzzImage(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(choiceFor(dir))
	if err != nil {
		f.Fatal(err)
	}
	fill(s, traces, 0, 3, 2000)
	fill(s, logs, 0, 3, 20)
	if err := s.Leave(f.Context()); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		f.Fatal(err)
	}
	all := states(bytes.NewReader(data))
	data = data[:all[0].pages*boltPage]
	for i := range len(data) / 512 {
		f.Add(uint32(i*512), uint64(i), uint32(i*97), uint64(i)*0x0101010101010101) //nolint:gosec // any number is right
	}
	f.Fuzz(func(t *testing.T, at uint32, with uint64, second uint32, secondWith uint64) {
		data := bytes.Clone(data)
		native.PutUint64(data[int(at)%(len(data)-8):], with)
		native.PutUint64(data[int(second)%(len(data)-8):], secondWith)
		file, size := bytes.NewReader(data), int64(len(data))
		for _, st := range all {
			items := int64(0)
			c := readContents(file, size, st, choiceFor("").Signals, func(_ string, r stored) {
				items += r.Items
				if r.at < 0 || r.size < 0 || r.at+r.size > size+st.pageSize {
					t.Errorf("a record at %d of %d bytes", r.at, r.size)
				}
				if value, err := r.value(file); err == nil && int64(len(value)) != r.size {
					t.Error("a value of another size")
				}
			})
			found := int64(0)
			for _, part := range c.parts {
				found += part.items
			}
			if found != items {
				t.Errorf("%d items of %d were given out", items, found)
			}
			var damage *damageError
			if c.damage != nil && !errors.As(c.damage, &damage) {
				t.Errorf("damage %v", c.damage)
			}
		}
		_ = states(file)
	})
}
