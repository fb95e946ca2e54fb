//go:build linux || darwin

package life_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/mailconv"
)

// TestMain lets the test binary be the process that a test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OTELMAIL_TEST_CHILD"); dir != "" {
		if err := produce(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// produce keeps numbered messages for ever and prints, after each flush, how many are safe.
func produce(dir string) error {
	from, err := strconv.Atoi(os.Getenv("OTELMAIL_TEST_FROM"))
	if err != nil {
		return err
	}
	s, err := life.Open(life.Config{Dir: dir, Setting: "SETTING", MaxBytes: life.MinDiskMaxBytes})
	if err != nil {
		return err
	}
	emit := emitter(s)
	for n := from; ; n++ {
		emit(mailconv.EventQueued, message(n)...)
		if n%100 != 99 {
			continue
		}
		if err := s.Processor().ForceFlush(context.Background()); err != nil {
			return err
		}
		fmt.Println(n + 1)
	}
}

// TestKilledProcess: what was written is there after kill -9, and found; with what later
// processes add.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var safe []int
	for kill := range 4 {
		from := 100_000 * kill
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "OTELMAIL_TEST_CHILD="+dir, fmt.Sprint("OTELMAIL_TEST_FROM=", from))
		var stderr bytes.Buffer
		child.Stderr = &stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		last := from
		for lines := bufio.NewScanner(out); last < from+2500 && lines.Scan(); {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		_ = child.Process.Kill()
		_ = child.Wait()
		if last < from+2500 || stderr.Len() > 0 {
			t.Fatalf("child %d ended at %d: %s", kill, last, &stderr)
		}
		for n := from; n < last; n += 100 {
			safe = append(safe, n, n+99)
		}
	}
	var reports []error
	s := open(t, life.Config{Dir: dir, Setting: "SETTING", MaxBytes: life.MinDiskMaxBytes, Report: func(err error) { reports = append(reports, err) }})
	for _, n := range safe {
		id := fmt.Sprintf("Q%d", n)
		if r := search(t, s, id); found(r) != id || r.Messages[0].State != "queued" || len(r.Messages[0].Steps) != 1 {
			t.Fatalf("%s: found %+v", id, r.Messages)
		}
	}
	if r := s.Reach(); r.Events < 10_000 || !r.OnDisk || r.Dropped != 0 || r.Failing != "" || len(reports) > 0 {
		t.Errorf("reaches %+v, reports %v", r, reports)
	}
}

// TestFileIsBounded: the file is never larger than it may be, and the newest events are kept.
func TestFileIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, life.Config{Dir: dir, Setting: "SETTING", MaxBytes: life.MinDiskMaxBytes})
	emit := emitter(s)
	const events = 12_000 // 24 MB
	for i := 1; i <= events; i++ {
		emit(mailconv.EventDeferred, fat(i)...)
		if i%300 == 0 {
			if err := s.Processor().ForceFlush(context.Background()); err != nil {
				t.Fatalf("after %d: %v", i, err)
			}
			info, err := os.Stat(filepath.Join(dir, "otelmail-live.db"))
			if err != nil || info.Size() > life.MinDiskMaxBytes || info.Mode().Perm() != 0o600 {
				t.Fatalf("after %d: %v, %v", i, info, err)
			}
		}
	}
	r := s.Reach()
	if r.Dropped != 0 || r.Bytes < life.MinDiskMaxBytes/3 || r.Events > events/2 {
		t.Errorf("reaches %+v", r)
	}
	for text, want := range map[string]string{fmt.Sprint("Q", events): fmt.Sprint("Q", events), fmt.Sprint("Q", events-2_000): fmt.Sprint("Q", events-2_000), "Q1": ""} {
		if r := search(t, s, text); found(r) != want {
			t.Errorf("%s: found %q", text, found(r))
		}
	}
}

// TestWhatIsTooOld is not shown, and is in the file no more.
func TestWhatIsTooOld(t *testing.T) {
	dir := t.TempDir()
	c := life.Config{Dir: dir, Setting: "SETTING", MaxAge: life.MinMaxAge}
	s := open(t, c)
	emit := emitterAt(s)
	emit(time.Now().Add(-2*time.Hour), mailconv.EventDeferred, message(1)...)
	emit(time.Now(), mailconv.EventDeferred, message(2)...)
	check := func(s *life.Store) {
		t.Helper()
		if r := search(t, s, "Q1"); found(r) != "" {
			t.Error("what is too old is found")
		}
		if r := search(t, s, "Q2"); found(r) != "Q2" {
			t.Error("what is not is not found")
		}
		if f, _, err := s.Failures(context.Background(), life.Filter{}); len(f) != 1 || err != nil {
			t.Errorf("%d failures, %v", len(f), err)
		}
		if r := s.Reach(); time.Since(*r.From) > life.MinMaxAge+time.Minute {
			t.Errorf("reaches %+v", r)
		}
	}
	check(s)
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = open(t, c)
	check(s)

	other := t.TempDir()
	old := open(t, life.Config{Dir: other, Setting: "SETTING", MaxAge: 24 * time.Hour})
	emitterAt(old)(time.Now().Add(-2*time.Hour), mailconv.EventDeferred, message(1)...)
	if err := old.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = open(t, life.Config{Dir: other, Setting: "SETTING", MaxAge: time.Hour})
	if err := s.Processor().ForceFlush(context.Background()); err != nil { // it was not full: now it is one that is
		t.Fatal(err)
	}
	if err := s.Processor().ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := s.Reach(); r.Events != 0 {
		t.Errorf("keeps %+v", r)
	}
}

// TestKeysOutliveTheProcess: after a restart with another key it is said from when on
// addresses are found; with the same key there is nothing to say.
func TestKeysOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	run := func(key string) life.Result {
		s, err := life.Open(life.Config{Dir: dir, Setting: "SETTING", Forms: func(text string) []string { return []string{key + text} }})
		if err != nil {
			t.Fatal(err)
		}
		emitter(s)(mailconv.EventQueued, attribute.String("messaging.message.id", "Q"+key), attribute.String("email.from.hash", key+"ann"))
		r := search(t, s, "ann")
		if err := s.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	run("one")
	if r := run("one"); r.Reach.HashedFrom != nil || r.Note != "" {
		t.Errorf("the same key: %q", r.Note)
	}
	if r := run("two"); found(r) != "Qtwo" || r.Reach.HashedFrom == nil || !strings.Contains(r.Note, "another one") {
		t.Errorf("another key: found %q, note %q", found(r), r.Note)
	}
	if r := run("two"); r.Reach.HashedFrom == nil {
		t.Error("after another restart nothing is said")
	}
}

// TestDirectories: what cannot be used is an error that names the setting, the directory and
// what is allowed; a damaged file is set aside.
func TestDirectories(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 && runtime.GOOS == "linux" {
		t.Log("as root: what root may read is not tested")
	}
	used := open(t, life.Config{Dir: t.TempDir(), Setting: "SETTING"})
	for name, tt := range map[string]struct {
		make func(dir string) string // the directory to open
		want string                  // "" for none
	}{
		"new":           {func(dir string) string { return filepath.Join(dir, "new") }, ""},
		"too deep":      {func(dir string) string { return filepath.Join(dir, "a", "b") }, "may create and write files"},
		"open to all":   {func(dir string) string { return chmod(t, dir, 0o777) }, "only this process"},
		"in use":        {func(string) string { return used.Dir }, "that no other process uses"},
		"a link":        {func(dir string) string { return link(t, dir) }, "file of this process's own"},
		"foreign":       {func(dir string) string { return foreign(t, dir) }, "without a foreign"},
		"damaged":       {func(dir string) string { return damaged(t, dir, []byte("no database")) }, ""},
		"damaged early": {func(dir string) string { return damaged(t, dir, make([]byte, 1<<16)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tt.make(t.TempDir())
			var reports []error
			s, err := life.Open(life.Config{Dir: dir, Setting: "SETTING", Report: func(err error) { reports = append(reports, err) }})
			if tt.want != "" {
				want := fmt.Sprintf("SETTING: %q is not allowed: want a directory ", dir)
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want one with %q and %q", err, want, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			emitter(s)(mailconv.EventQueued, message(1)...)
			if r := search(t, s, "Q1"); found(r) != "Q1" {
				t.Errorf("found %q", found(r))
			}
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
			_, err = os.Stat(filepath.Join(dir, "otelmail-live.db.damaged"))
			if aside := err == nil; aside != strings.HasPrefix(name, "damaged") || len(reports) > 0 != aside {
				t.Errorf("set aside: %v; reports %v", err, reports)
			}
		})
	}
}

func chmod(t *testing.T, dir string, mode os.FileMode) string {
	t.Helper()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func link(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Symlink(filepath.Join(t.TempDir(), "outside"), filepath.Join(dir, "otelmail-live.db")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func damaged(t *testing.T, dir string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "otelmail-live.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFullDisk: what a full disk does not take is dropped and counted, and that is said, once;
// the mail does not wait, and what comes later is kept.
func TestFullDisk(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var reports []error
	s := open(t, life.Config{Dir: t.TempDir(), Setting: "SETTING", MaxBytes: life.MinDiskMaxBytes, Report: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, err)
	}})
	full := before
	full.Cur = 100 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	emit := emitter(s)
	const events = 6_000 // 12 MB, and 4 MiB may wait
	for i := 1; i <= events; i++ {
		emit(mailconv.EventQueued, fat(i)...)
	}
	flush := func() error { return s.Processor().ForceFlush(context.Background()) }
	err := flush()
	reach := s.Reach()
	newest := search(t, s, fmt.Sprint("Q", events))
	if limited := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); limited != nil {
		t.Fatal(limited)
	}
	if err == nil || !strings.Contains(reach.Failing, "file too large") {
		t.Errorf("flush: %v; reaches %+v", err, reach)
	}
	if reach.Dropped == 0 || reach.Dropped+reach.Events != events || reach.Bytes > 8<<20 {
		t.Errorf("%d of %d dropped: %+v", reach.Dropped, events, reach)
	}
	if found(newest) != fmt.Sprint("Q", events) {
		t.Errorf("found %q", found(newest))
	}
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	if r := s.Reach(); r.Failing != "" || r.Dropped != reach.Dropped || r.Events != reach.Events {
		t.Errorf("with space: %+v, was %+v", r, reach)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reports) != 1 || !strings.Contains(reports[0].Error(), "dropped") {
		t.Errorf("reports %v", reports)
	}
}

func foreign(t *testing.T, dir string) string {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "otelmail-live.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("somebody's"))
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}
