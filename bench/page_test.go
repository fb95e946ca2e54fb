package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test -update writes it. Got:\n%s", file, got)
	}
}

// fixed are results with one row of every shape.
func fixed() Results {
	none := 0.0
	return Results{
		Machine: Machine{Date: "2006-01-02", CPU: "a CPU", Cores: 2, System: "linux/amd64 6.1", Go: "go1.26",
			Versions:  []Version{{"example.org/a", "v1.0.0"}, {"example.org/b", "v2.0.0"}},
			Generator: "a generator", Load: "0.10 0.20 0.30"},
		Rows: []Row{
			{What: "a counter", Against: "an atomic", Ours: 2.5, Theirs: 2.125, Unit: Nanoseconds, Compared: Spread{1.18, 1.1, 1.25, 1.17, 1.21}, Allocs: &none, Goal: Goal{Ratio: 1.2, NoAllocs: true}},
			{What: "a server", Against: "itself unwrapped", Ours: 66_000, Theirs: 60_000, Unit: Nanoseconds, Compared: Spread{1.1, 1.05, 1.2, 1.02, 1.15}, Goal: Goal{Ratio: 1.03}, Note: "How it was measured."},
			{What: "mallocs", Against: "itself unwrapped", Ours: 32.4, Theirs: 30, Unit: Mallocs, Compared: Spread{2.4, 2.3, 2.5, 2.3, 2.5}, Goal: Goal{More: 3}, Note: "How it was measured."},
			{What: "memory", Against: "something", Ours: 1536, Theirs: 3072, Unit: Bytes, Compared: Spread{0.5, 0.5, 0.5, 0.5, 0.5}, Note: "Another note."},
		},
		Growth: Growth{
			Ours:   []Exposed{{Domains: 50, Base: 1 << 20, Heap: 20_000, Fill: time.Millisecond, Scrape: time.Millisecond, PageSize: 20_000, Zipped: 4000}, {Domains: 20_000, Base: 1 << 20, Heap: 9 << 20, Fill: time.Second, Scrape: 40 * time.Millisecond, PageSize: 1 << 20, Zipped: 90_000}},
			Theirs: []Exposed{{Domains: 50, Base: 1 << 20, Heap: 30_000, Fill: time.Millisecond, Scrape: 2 * time.Millisecond, PageSize: 20_000, Zipped: 4000}, {Domains: 20_000, Base: 1 << 20, Heap: 8 << 20, Fill: time.Second, Scrape: 30 * time.Millisecond, PageSize: 1 << 20, Zipped: 90_000}},
			Wide:   Exposed{Base: 2 << 20},
			Rates: []Throughput{{Unwrapped, 1, 1, 4000}, {Unsampled, 1, 1, 3900}, {Unwrapped, 1, 10, 20_000}, {Unsampled, 1, 10, 19_500},
				{Unwrapped, 2, 1, 4100}, {Unsampled, 2, 1, 4050}, {Unwrapped, 2, 10, 24_000}, {Unsampled, 2, 10, 23_000}},
		},
	}
}

func TestTable(t *testing.T) { golden(t, "table.md", table(fixed().Rows)) }

func TestPage(t *testing.T) {
	page, err := fixed().page()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "page.md", string(page))
}

// The results that are written can be read, and give the same page.
func TestWriteAndRender(t *testing.T) {
	docs := t.TempDir()
	if err := fixed().write(docs); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(docs, pageName))
	if err != nil {
		t.Fatal(err)
	}
	again, err := readResults(docs)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.page()
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Error("the page made from results.json is another one")
	}
	for _, p := range fixed().Growth.pictures() {
		svg, err := os.ReadFile(filepath.Join(docs, plotFolder, p.file))
		if err != nil || len(svg) < 1000 {
			t.Errorf("%s: %d bytes, %v", p.file, len(svg), err)
		}
	}
}

func TestUnits(t *testing.T) {
	for want, got := range map[string]string{
		"2.50 ns":      Nanoseconds.format(2.5),
		"999 ns":       Nanoseconds.format(999),
		"1.50 µs":      Nanoseconds.format(1500),
		"40.0 ms":      Nanoseconds.format(4e7),
		"90.0 s":       Nanoseconds.format(9e10),
		"512 B":        Bytes.format(512),
		"1.50 KiB":     Bytes.format(1536),
		"9.00 MiB":     Bytes.format(9 << 20),
		"2.40 mallocs": Mallocs.format(2.4),
		"1,234,567":    thousand(1234567),
		"1,005":        thousand(1005),
		"7":            thousand(7),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
