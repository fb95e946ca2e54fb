package otlp

import "sync"

// Dropped counts what was given up, by reason.
type Dropped struct {
	QueueFull    int64 // the queue in memory was full: the disk did not keep up
	TooOld       int64 // waited longer than MaxAge
	TooManyBytes int64 // the oldest, to make room within MaxBytes
	TooLarge     int64 // the receiver takes no request of this size
	Rejected     int64 // the receiver refused it for good
	Disk         int64 // could not be written, and memory was full too
	Damaged      int64 // could not be read back, or not be put into protobuf
}

// Counts gives a program the numbers of a push. The zero value is ready for
// [CountInto]; it is safe for concurrent use.
type Counts struct {
	mu   sync.Mutex
	read func() []Stats
}

// Stats is what became of everything, one entry for each way out. It is nil
// before the push was started, and stays readable after it was stopped.
func (c *Counts) Stats() []Stats {
	c.mu.Lock()
	read := c.read
	c.mu.Unlock()
	if read == nil {
		return nil
	}
	return read()
}

// CountInto has c give the numbers of this push. Default: nobody is told.
func CountInto(c *Counts) Option {
	return option(func(to *choices) error {
		to.counts = c
		return nil
	})
}

// open connects c, which may be nil, with its source.
func (c *Counts) open(read func() []Stats) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = read
}
