package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/exporters/otlp/internal/ledger"
	"github.com/rusmes/otelmail/internal/privatefile"
)

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, content := range map[string][]byte{
		"text":          []byte(strings.Repeat("not a database\n", 1000)),
		"short":         []byte("x"),
		"zeros":         make([]byte, 64<<10),
		"one meta page": {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			if name == "one meta page" {
				s, _ := mustOpen(t, choiceFor(dir))
				fill(s, traces, 0, 100, 5000)
				closeStore(t, s)
				if err := os.Truncate(path, 8192); err != nil {
					t.Fatal(err)
				}
				content, _ = os.ReadFile(path)
			} else if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, h := mustOpen(t, choiceFor(dir))
			fill(s, traces, 0, 3, 10)
			if got := strings.Join(empty(s, traces), " "); got != numbers(0, 3) {
				t.Errorf("the new file has %s", got)
			}
			aside, _ := filepath.Glob(path + ".damaged-*")
			if len(aside) != 1 || s.setAside != 1 || !strings.Contains(h.all(), aside[0]) {
				t.Fatalf("set aside: %q, counted %d, reported %s", aside, s.setAside, h.all())
			}
			if got, _ := os.ReadFile(aside[0]); !bytes.Equal(got, content) {
				t.Error("what was set aside is not what was there")
			}
		})
	}
}

// Whatever is wrong with a file, the process goes on, and the counts either
// balance or the file is set aside.
func TestDamageAnywhere(t *testing.T) {
	t.Parallel()
	origin := t.TempDir()
	s, _ := mustOpen(t, choiceFor(origin))
	fill(s, traces, 0, 8, 3000)
	fill(s, logs, 0, 30, 30)
	closeStore(t, s)
	whole, err := os.ReadFile(filepath.Join(origin, FileName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	aside, survived := 0, 0
	for offset := 0; offset < len(whole); offset += 1021 { // a prime, so that all parts of a page are hit
		broken := bytes.Clone(whole)
		for i := range 24 {
			if offset+i < len(broken) {
				broken[offset+i] ^= byte(0xA5 + offset + i)
			}
		}
		path := filepath.Join(dir, FileName)
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(choiceFor(dir))
		if err != nil {
			// Only the owner's bucket can be damaged in this way.
			if !errors.Is(err, privatefile.ErrNotOurs) {
				t.Fatalf("offset %d: %v", offset, err)
			}
			continue
		}
		fill(s, traces, 1000, 2, 3000)
		empty(s, traces)
		empty(s, logs)
		for _, sig := range []string{traces, logs} {
			if l := s.account(sig).Ledger(); !l.Balanced() {
				t.Errorf("offset %d: %s: %+v", offset, sig, l)
			}
		}
		_ = s.Leave(context.Background())
		files, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
		if len(files) > 0 {
			aside++
		} else {
			survived++
		}
		for _, f := range append(files, path) {
			_ = os.Remove(f)
		}
	}
	if aside == 0 || survived == 0 {
		t.Errorf("%d files set aside, %d used: the damage does not test both", aside, survived)
	}
}

// A damaged body is dropped, and nothing else.
func TestDamagedBody(t *testing.T) {
	dir := t.TempDir()
	s, _ := mustOpen(t, choiceFor(dir))
	fill(s, traces, 0, 5, 9000)
	closeStore(t, s)
	path := filepath.Join(dir, FileName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.LastIndex(data, []byte("00000002..."))
	data[i+50] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = mustOpen(t, choiceFor(dir))
	if got := strings.Join(empty(s, traces), " "); got != "00000000 00000001 00000003 00000004" {
		t.Errorf("left: %s", got)
	}
	want := ledger.Ledger{Produced: 5, Sent: 4}
	want.Dropped[ledger.Damaged] = 1
	wantLedger(t, s, traces, want)
}
