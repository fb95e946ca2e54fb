package otelmail_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail"
)

const localDomainsFile = "RUSMES_LOCAL_DOMAINS_FILE"

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantDomains compares what is shown.
func wantDomains(t *testing.T, reader *otelmail.Reader, want map[string]int64) {
	t.Helper()
	if got, _ := perDomain(t, reader); !maps.Equal(got, want) {
		t.Errorf("shown are %v, want %v", got, want)
	}
}

func TestLocalDomainsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains")
	put(t, file, "\ufeff# what we host\r\nexample.org\r\n\r\n  B\u00dcCHER.example # by its name\r\nxn--bcher-kva.example\nlast.example.")
	_, reader := start(t, lookup(localDomainsFile, file), otelmail.WithDomainLimit(0), otelmail.WithLocalDomains("code.example"))
	want := map[string]int64{"code.example": 0, "example.org": 0, "xn--bcher-kva.example": 0, "last.example": 0, "_other": 0}
	wantDomains(t, reader, want)
}

// TestServersThatShareAFileAddUp is what the file is for: each server shows its own busiest,
// and of what the file has a sum over both lacks nothing.
func TestServersThatShareAFileAddUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains")
	put(t, file, "ours.example\n")
	sums := map[string]int64{}
	for _, busy := range []string{"busy.example", "quiet.example"} {
		tel, reader := start(t, lookup(localDomainsFile, file), otelmail.WithDomainLimit(1))
		accept(tel, "x@"+busy)
		accept(tel, "x@busy.example")
		accept(tel, "x@ours.example")
		shown, _ := perDomain(t, reader)
		for domain, n := range shown {
			sums[domain] += n
		}
	}
	if sums["ours.example"] != 2 || sums["busy.example"] == 3 {
		t.Errorf("added up: %v, want 2 of ours.example, and not all 3 of busy.example", sums)
	}
}

// TestLocalDomainsFileChanges while the server runs.
func TestLocalDomainsFileChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains")
	put(t, file, "a.example\n")
	synctest.Test(t, func(t *testing.T) {
		var log told
		begun := time.Now()
		tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), lookup(localDomainsFile, file),
			log.option(), otelmail.WithDomainLimit(1))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tel.Shutdown(context.Background()) }()
		reader := tel.Reader()
		later := func() {
			time.Sleep(time.Minute + 2*time.Second)
			synctest.Wait()
		}
		age := func() float64 {
			return fractions(t, reader, "telemetry_source_age_seconds")["messages_per_domain_total"]
		}
		accept(tel, "x@a.example", "x@busy.example", "x@new.example")
		wantDomains(t, reader, map[string]int64{"a.example": 1, "busy.example": 1, "_other": 1})

		put(t, file, "a.example\nnew.example\nbusy.example\n")
		later()
		accept(tel, "x@new.example", "x@other.example")
		now := map[string]int64{"a.example": 1, "busy.example": 1, "new.example": 1, "_other": 2}
		wantDomains(t, reader, now)

		put(t, file, "new.example\n") // what has left keeps its count
		later()
		accept(tel, "x@a.example")
		now["a.example"]++
		wantDomains(t, reader, now)
		if got := log.take(); len(got) > 0 || age() > 60 {
			t.Errorf("%v s old, told %q", age(), got)
		}

		put(t, file, "fine.example\nnot fine\n") // one wrong line, and nothing of it is used
		later()
		wantDomains(t, reader, now)
		if got := strings.Join(log.take(), "\n"); !strings.Contains(got, fmt.Sprintf("%q cannot be used: want a file of ", file)) || !strings.Contains(got, `line 2: "not fine" is no domain name`) {
			t.Errorf("told %q", got)
		}
		later()
		if got := strings.Join(log.take(), "\n"); !strings.Contains(got, `line 2: "not fine"`) || age() < 100 {
			t.Errorf("%v s old; a minute later it is told %q", age(), got)
		}

		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		later()
		wantDomains(t, reader, now)
		if got := strings.Join(log.take(), "\n"); !strings.Contains(got, "no such file") {
			t.Errorf("told %q", got)
		}

		// A file that is still being written ends in half a domain.
		put(t, file, "half.exam")
		time.Sleep(time.Minute - time.Since(begun)%time.Minute - time.Millisecond) // just before it is looked at
		if err := os.Chtimes(file, time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		wantDomains(t, reader, now)
		put(t, file, "half.example\n")
		later()
		now["half.example"] = 0
		wantDomains(t, reader, now)
		if got := log.take(); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

// TestWrongLocalDomainsFile is a warning, in strict mode an error, and is found to be mended.
func TestWrongLocalDomainsFile(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		f, err := os.CreateTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		put(t, f.Name(), text)
		return f.Name()
	}
	var many strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&many, "%d.example\n", i)
	}
	for name, tc := range map[string]struct{ file, want string }{
		"none":        {filepath.Join(dir, "none"), "no such file"},
		"a directory": {dir, "is not a file of at most 1 MiB"},
		"huge":        {file(strings.Repeat("# nothing\n", 1<<17)), "is not a file of at most 1 MiB"},
		"too many":    {file(many.String()), "it has 10001 domains"},
		"binary":      {file("\x7fELF\x02\x01\x01\x00\x00\n\xff\xfe\n"), `line 1: "\x7fELF\x02\x01\x01\x00\x00" is no domain name, and neither are 1 more`},
		"UTF-16":      {file("\xff\xfea\x00.\x00d\x00e\x00"), "line 1: "},
		"a long line": {file(strings.Repeat("a", 1<<19)), `line 1: "` + strings.Repeat("a", 200) + `" is no domain name`},
		"an address":  {file("a.example\n\nx@b.example\n"), `line 3: "x@b.example" is no domain name`},
		"ours":        {file("_other"), `line 1: "_other" is no domain name`},
	} {
		t.Run(name, func(t *testing.T) {
			wrongLocalDomains(t, tc.file, tc.want)
		})
	}
}

// wrongLocalDomains starts with a file that cannot be used.
func wrongLocalDomains(t *testing.T, file, want string) {
	t.Helper()
	var log told
	_, reader := start(t, lookup(localDomainsFile, file), log.option(), otelmail.WithDomainLimit(1))
	wantDomains(t, reader, map[string]int64{"_other": 0})
	_, strict := otelmail.Start(t.Context(), lookup(localDomainsFile, file), otelmail.WithStrictSettings(), otelmail.WithoutGlobals())
	_, ofNew := otelmail.New(lookup(localDomainsFile, file), otelmail.WithStrictSettings())
	warned := errors.New(strings.Join(log.take(), "\n"))
	if !strings.HasSuffix(warned.Error(), "; used instead: no domains of a file, until it can be used") || strings.Count(warned.Error(), localDomainsFile) != 1 {
		t.Errorf("warned of %v", warned)
	}
	allowed := localDomainsFile + `: "` + file + `" is not allowed: want a file of at most 1 MiB and 10,000 domain names, one a line, with comments after #: `
	for _, err := range []error{warned, strict, ofNew} {
		if err == nil || !strings.Contains(err.Error(), allowed) || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
			t.Errorf("%v, want %s%s", err, allowed, want)
		}
	}
}

// TestLocalDomainsAreBounded over all that the file has had since the start.
func TestLocalDomainsAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains")
	write := func(from int) {
		var b strings.Builder
		for i := range 6000 {
			fmt.Fprintf(&b, "%d.example\n", from+i)
		}
		put(t, file, b.String())
	}
	write(0)
	synctest.Test(t, func(t *testing.T) {
		var log told
		tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), lookup(localDomainsFile, file), log.option())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tel.Shutdown(context.Background()) }()
		for _, step := range []struct {
			from, shown int
			says        string
		}{{0, 6001, ""}, {4000, 10_001, ""}, {4001, 10_001, "it has had 10001 domains"}, {4000, 10_001, ""}} {
			write(step.from)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			shown, _ := perDomain(t, tel.Reader())
			said := strings.Join(log.take(), "\n")
			if len(shown) != step.shown || (said == "") != (step.says == "") || !strings.Contains(said, step.says) {
				t.Errorf("from %d: %d series, want %d; told %q", step.from, len(shown), step.shown, said)
			}
		}
	})
}
