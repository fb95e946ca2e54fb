//go:build linux || darwin

package otlp_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/otlp"
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
	_ = flag.Set("test.parallel", "16") // the tests wait for time to pass, not for a processor
	code := m.Run()
	if n, stacks := goroutinesLeft(); code == 0 && n > 0 { // of the tests that run side by side
		fmt.Fprintf(os.Stderr, "%d goroutines left:\n%s", n, stacks)
		code = 1
	}
	os.Exit(code)
}

// produce emits numbered spans and records for ever and prints, after each
// flush, how many are safe. OTELMAIL_TEST_LIMIT bounds the files it may write,
// in bytes, as a full disk would, until a line comes on standard input.
func produce(dir string) error {
	if limit, err := strconv.ParseUint(os.Getenv("OTELMAIL_TEST_LIMIT"), 10, 64); err == nil {
		if err := limitFiles(limit); err != nil {
			return err
		}
		go func() {
			if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
				_ = limitFiles(1 << 40)
			}
		}()
	}
	from, err := strconv.Atoi(os.Getenv("OTELMAIL_TEST_FROM"))
	if err != nil {
		return err
	}
	c := newPusher(otlp.Endpoint(os.Getenv("OTELMAIL_TEST_URL")), otlp.Buffer(dir), otlp.Metrics(otlp.Off()))
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(),
		otelmail.WithErrorHandler(func(err error) { fmt.Fprintln(os.Stderr, err) }),
		env("OTEL_BSP_SCHEDULE_DELAY", "10", "OTEL_BLRP_SCHEDULE_DELAY", "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
		otelmail.WithExporter(c))
	if err != nil {
		return err
	}
	flush := tel.TracerProvider().(interface{ ForceFlush(context.Context) error }).ForceFlush
	flushLogs := tel.LoggerProvider().(interface{ ForceFlush(context.Context) error }).ForceFlush
	for n := from; ; n += 40 {
		emitNumbered(tel, n, 40)
		if err := flush(context.Background()); err != nil {
			return err
		}
		if err := flushLogs(context.Background()); err != nil {
			return err
		}
		s := c.Stats()[0]
		fmt.Printf("%d %d %d %d\n", n+40, s.Sent, s.OnDisk, s.Waiting)
		if s.Waiting-s.OnDisk > 20_000 {
			// A fast machine fills the memory within the second after which the
			// disk is tried again.
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func limitFiles(bytes uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(bytes, l.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
}

// child is a process that produces.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Writer
	safe   atomic.Int64 // spans and records that are on disk or sent
	sent   atomic.Int64
	onDisk atomic.Int64
	wait   atomic.Int64
	ended  chan struct{}
	stderr strings.Builder // read after ended
}

func startChild(t *testing.T, dir, url string, from int64, limit string) *child {
	t.Helper()
	c := &child{ended: make(chan struct{})}
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), "OTELMAIL_TEST_CHILD="+dir, "OTELMAIL_TEST_URL="+url,
		fmt.Sprint("OTELMAIL_TEST_FROM=", from), "OTELMAIL_TEST_LIMIT="+limit)
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.safe.Store(from)
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var safe, sent, onDisk, waiting int64
			if _, err := fmt.Sscan(lines.Text(), &safe, &sent, &onDisk, &waiting); err == nil {
				c.safe.Store(safe)
				c.sent.Store(sent)
				c.onDisk.Store(onDisk)
				c.wait.Store(waiting)
			}
		}
		_ = c.cmd.Wait()
	}()
	t.Cleanup(func() { c.kill() })
	return c
}

// kill is kill -9, by the id of the process we started.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// Nine kills: while the receiver is there, away, and coming back. Everything that was
// flushed arrives, in order, and only the request under way at a kill comes
// twice; the counts balance over all processes.
func TestKilledProcessLosesNothingFlushed(t *testing.T) {
	noLeak(t)
	dir := t.TempDir()
	r := absentReceiver(t)
	var from, safe int64
	expected := map[int64]bool{} // the numbers that must arrive
	const kills, batch = 9, 50
	for n := range kills {
		switch n % 3 {
		case 0:
			r.stop()
		case 2:
			r.start()
		}
		c := startChild(t, dir, r.httpURL(), from, "")
		least := from + 400
		eventually(t, "the child produced enough", func() bool {
			select {
			case <-c.ended:
				return true
			default:
				return c.safe.Load() >= least
			}
		})
		c.kill()
		if safe = c.safe.Load(); safe < least {
			t.Fatalf("child %d ended at %d of %d: %s", n, safe, least, c.stderr.String())
		}
		if said := c.stderr.String(); strings.Contains(said, "damaged") || strings.Contains(said, "missing") {
			t.Errorf("child %d: %s", n, said)
		}
		// What follows the last flush may or may not be lost; the next child starts
		// with a new thousand, so that the numbers cannot be confused.
		for i := from; i < safe; i++ {
			expected[i] = true
		}
		from = (safe/1000 + 1) * 1000
	}
	r.stop()
	r.start()
	tel, c, b := buffered(t, dir, otlp.Endpoint(r.httpURL()), otlp.Metrics(otlp.Off()))
	eventually(t, "nothing waits", func() bool {
		return statsOf(t, c, "traces").Waiting == 0 && statsOf(t, c, "logs").Waiting == 0
	})
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if len(b.all()) != 0 {
		t.Errorf("reports: %q", b.all())
	}
	spans, records := r.order()
	for what, got := range map[string][]string{"span": spans, "record": records} {
		checkNumbers(t, what, got, expected, kills*batch)
	}
	for signal, arrived := range map[string][]string{"traces": spans, "logs": records} {
		// Sent counts each once: what came twice was only counted the second time.
		s := statsOf(t, c, signal)
		if unique := int64(len(distinct(arrived))); s.Failed != 0 || s.Produced != s.Sent || s.Sent != unique {
			t.Errorf("%d different %s arrived, counts: %+v", unique, signal, s)
		}
	}
}

func distinct(all []string) map[string]int {
	times := map[string]int{}
	for _, s := range all {
		times[s]++
	}
	return times
}

func checkNumbers(t *testing.T, what string, got []string, expected map[int64]bool, mostTwice int) {
	t.Helper()
	times, twice, last := distinct(got), 0, int64(-1)
	missing := 0
	for n := range expected {
		if times[fmt.Sprint(what, " ", n)] == 0 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d flushed %ss are missing", missing, len(expected), what)
	}
	for _, n := range times {
		if n > 2 {
			t.Errorf("a %s came %d times", what, n)
		}
		twice += n - 1
	}
	if twice > mostTwice {
		t.Errorf("%d %ss came twice, want at most one request of each kill: %d", twice, what, mostTwice)
	}
	seen := map[string]bool{}
	for _, s := range got {
		if seen[s] {
			continue // sent again: only the first time is in order
		}
		seen[s] = true
		n, err := strconv.ParseInt(strings.TrimPrefix(s, what+" "), 10, 64)
		if err != nil || n <= last {
			t.Fatalf("%s came after %d", s, last)
		}
		last = n
	}
	t.Logf("%d %ss, %d of them twice", len(times), what, twice)
}

// A full disk loses nothing while everything fits memory, the receiver still gets what is
// new, and the disk is used again when it has space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := absentReceiver(t)
	c := startChild(t, dir, r.httpURL(), 0, "400000")
	more := func(waits func() bool, what string) { t.Helper(); eventually(t, what, waits) }
	more(func() bool { return c.wait.Load() > c.onDisk.Load()+200 }, "the disk is full and more waits in memory")
	onDisk := c.onDisk.Load()
	if onDisk == 0 {
		t.Error("nothing is on disk")
	}
	r.start()
	more(func() bool { return c.sent.Load() > onDisk+1000 && c.wait.Load() < 200 }, "everything is sent")
	r.stop()
	more(func() bool { return c.wait.Load() > c.onDisk.Load()+200 }, "the disk is full again")
	if _, err := io.WriteString(c.stdin, "there is space\n"); err != nil {
		t.Fatal(err)
	}
	more(func() bool { return c.onDisk.Load() > onDisk+2000 && c.onDisk.Load() == c.wait.Load() }, "all that waits is on disk")
	c.kill()
	if said := c.stderr.String(); !strings.Contains(said, "file too large") || strings.Contains(said, "dropped") || strings.Contains(said, "panic") {
		t.Errorf("the child said: %s", said)
	}
	r.start()
	tel, counts, _ := buffered(t, dir, otlp.Endpoint(r.httpURL()), otlp.Metrics(otlp.Off()))
	more(func() bool {
		return statsOf(t, counts, "traces").Waiting == 0 && statsOf(t, counts, "logs").Waiting == 0
	}, "nothing waits")
	if err := shutdown(tel, patience); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if s := statsOf(t, counts, "traces"); s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	expected := map[int64]bool{}
	for n := range c.safe.Load() {
		expected[n] = true
	}
	spans, records := r.order()
	const batch = 50
	checkNumbers(t, "span", spans, expected, batch)
	checkNumbers(t, "record", records, expected, batch)
}
