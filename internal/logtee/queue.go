package logtee

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Loss is why a record is not in the local log.
type Loss uint8

// The losses, in the order of [Losses].
const (
	Full     Loss = iota // the log does not take them as fast as they come, or not at all
	Failed               // writing failed
	Panicked             // the handler panicked
)

// Losses are the names of all reasons.
func Losses() []string { return []string{"queue_full", "write_failed", "handler_panic"} }

// The bounds of a queue.
const (
	maxRecords = 4096
	maxBytes   = 4 << 20
	// stuckAfter is how long one record may take.
	stuckAfter = 5 * time.Second
)

// Queue has a local handler write records one after the other, in the order they came,
// in a goroutine of its own, which ends when there is nothing to write. Whoever logs waits
// for the record, so that nothing is lost when the process ends at once, but not for
// longer than the patience of the log. From then on nobody waits until all is written.
//
// Once the queue is full, what comes is dropped until half of it is written: one gap and
// one line about it, rather than many.
type Queue struct {
	count   func(Loss)
	trouble func()
	once    sync.Once
	watch   *time.Timer

	mu      sync.Mutex
	jobs    []*job // the first one is being written, where running
	bytes   int
	running bool
	behind  bool    // nobody waits
	full    bool    // what comes is dropped
	gaps    []*sink // those that have lost records
	failed  error   // why the last record was not written
	since   time.Time
}

// NewQueue returns a queue. count counts each lost record; trouble is called once, in a
// goroutine of its own, when the log is first found to be stuck or to fail.
func NewQueue(count func(Loss), trouble func()) *Queue {
	q := &Queue{count: count, trouble: trouble}
	q.watch = time.AfterFunc(time.Hour, q.inTrouble)
	q.watch.Stop()
	return q
}

// sink is a local log.
type sink struct {
	root     slog.Handler // says in the log itself what was lost
	patience time.Duration
	lost     int // records that no line has told of yet
}

// job is a record on its way, or with a nil sink the end of a [Queue.Flush].
type job struct {
	sink   *sink
	record slog.Record
	handle func(slog.Record) error
	bytes  int
	lost   int // what a line about lost records tells of
	begun  bool
	done   chan struct{} // closed when it has been written, or not, see err
	err    error
}

var (
	errFull  = errors.New("the local log does not take records as fast as they come: dropped")
	errPanic = errors.New("the handler of the local log panicked")
)

// handle has a tamed record written.
func (q *Queue) handle(s *sink, r slog.Record, write func(slog.Record) error) error {
	j := &job{sink: s, record: r.Clone(), handle: write, done: make(chan struct{})}
	q.mu.Lock()
	wait := !q.behind
	q.mu.Unlock()
	if !wait {
		j.record = snapshot(r)
	}
	j.bytes = size(j.record)
	if !q.add(j) {
		q.count(Full)
		q.inTrouble()
		return errFull
	}
	if !wait {
		return nil
	}
	patience := time.NewTimer(s.patience)
	defer patience.Stop()
	select {
	case <-j.done:
		return j.err
	case <-patience.C:
		return q.leave(j)
	}
}

func (q *Queue) add(j *job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) <= maxRecords/2 && q.bytes <= maxBytes/2 {
		q.full = false
	}
	if q.full || len(q.jobs) >= maxRecords || q.bytes+j.bytes > maxBytes {
		q.full = len(q.jobs) > 0 // one that is too large for an empty queue says nothing of the next
		q.lose(j.sink, 1)
		return false
	}
	q.tell()
	q.push(j)
	return true
}

// lose remembers a gap. It is called with the lock held.
func (q *Queue) lose(s *sink, records int) {
	if s.lost == 0 {
		q.gaps = append(q.gaps, s)
	}
	s.lost += records
}

// push is called with the lock held.
func (q *Queue) push(j *job) {
	q.jobs = append(q.jobs, j)
	q.bytes += j.bytes
	if !q.running {
		q.running = true
		go q.run()
	}
}

// tell says in each log what it has lost, as soon as something can be written. It is
// called with the lock held.
func (q *Queue) tell() {
	if q.failed != nil {
		return
	}
	for _, s := range q.gaps {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "records of this log were lost", 0)
		r.AddAttrs(slog.Int("lost", s.lost))
		q.push(&job{sink: s, record: r, bytes: size(r), lost: s.lost, done: make(chan struct{}),
			handle: func(r slog.Record) error { return s.root.Handle(context.Background(), r) }})
		s.lost = 0
	}
	q.gaps = nil
}

// leave is for a caller who waits no longer.
func (q *Queue) leave(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-j.done: // at the last moment
		return j.err
	default:
	}
	q.behind = q.running
	if !j.begun {
		q.bytes -= j.bytes
		j.record = snapshot(j.record)
		j.bytes = size(j.record)
		q.bytes += j.bytes
	}
	return nil
}

// run writes until there is nothing left.
func (q *Queue) run() {
	ended := false
	defer func() {
		if !ended { // a handler has ended the goroutine
			go q.run()
		}
	}()
	for {
		j := q.next()
		if j == nil {
			ended = true
			return
		}
		q.write(j)
	}
}

func (q *Queue) next() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		q.tell()
	}
	if len(q.jobs) == 0 {
		q.jobs, q.running, q.behind, q.full = nil, false, false, false
		return nil
	}
	j := q.jobs[0]
	j.begun, q.since = true, time.Now()
	return j
}

func (q *Queue) write(j *job) {
	err := errPanic
	q.watch.Reset(stuckAfter)
	defer func() {
		_ = recover()
		q.watch.Stop()
		q.end(j, err)
	}()
	if j.sink == nil {
		err = nil
		return
	}
	err = j.handle(j.record)
}

func (q *Queue) end(j *job, err error) {
	q.mu.Lock()
	q.jobs[0] = nil
	q.jobs = q.jobs[1:]
	q.bytes -= j.bytes
	q.since = time.Time{}
	if j.sink != nil {
		q.failed = err
	}
	if err != nil {
		q.lose(j.sink, max(j.lost, 1)) // what a line should have told of is told of later
	}
	q.mu.Unlock()
	if err != nil {
		if j.lost == 0 && errors.Is(err, errPanic) {
			q.count(Panicked)
		} else if j.lost == 0 {
			q.count(Failed)
		}
		q.inTrouble()
	}
	j.err = err
	close(j.done)
}

func (q *Queue) inTrouble() {
	if q.trouble != nil {
		q.once.Do(func() { go q.trouble() })
	}
}

// Check is a health check: it says whether the log is stuck, or fails.
func (q *Queue) Check(context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.since.IsZero() {
		if stuck := time.Since(q.since); stuck > stuckAfter {
			return fmt.Errorf("the local log is stuck: %d records have waited for %v", len(q.jobs), stuck.Round(time.Second))
		}
	}
	if q.full {
		return fmt.Errorf("the local log is too slow: %d records wait, and what comes is dropped", len(q.jobs))
	}
	if q.failed != nil {
		return fmt.Errorf("the local log cannot be written: %w", q.failed)
	}
	return nil
}

// Flush waits until everything that was logged before is written, or ctx ends. The error
// says how much was not, as far as no line has told of it.
func (q *Queue) Flush(ctx context.Context) error {
	j := &job{done: make(chan struct{})}
	q.mu.Lock()
	q.tell()
	q.push(j)
	q.mu.Unlock()
	stuck := false
	select {
	case <-j.done:
	case <-ctx.Done():
		stuck = true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := 0
	for _, s := range q.gaps {
		lost += s.lost
	}
	if stuck {
		for _, j := range q.jobs {
			if j.sink != nil {
				lost += max(j.lost, 1)
			}
		}
		return fmt.Errorf("the local log is stuck: %d records were not written", lost)
	}
	if lost > 0 && q.failed != nil {
		return fmt.Errorf("%d records of the local log were lost: %w", lost, q.failed)
	}
	return nil
}
