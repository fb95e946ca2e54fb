package demo

import (
	"context"
	"strings"
	"sync"
	"time"
)

// subjectIndex finds messages by the words of their subjects. It is written every
// indexEvery, as search indexes are: until then it is behind the store.
type subjectIndex struct {
	mu      sync.Mutex
	pending []indexed
	words   map[string]int // how many messages have a word
}

type indexed struct {
	subject string
	stored  time.Time
}

const (
	indexEvery = 7 * time.Second
	indexWords = 10_000
)

func newSubjectIndex() *subjectIndex { return &subjectIndex{words: map[string]int{}} }

func (x *subjectIndex) add(message []byte) {
	subject := header(message, "Subject")
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pending = append(x.pending, indexed{subject, time.Now()})
}

// run writes until ctx ends.
func (x *subjectIndex) run(ctx context.Context) {
	tick := time.NewTicker(indexEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			x.write()
		case <-ctx.Done():
			return
		}
	}
}

func (x *subjectIndex) write() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range x.pending {
		for _, word := range strings.Fields(strings.ToLower(m.subject)) {
			if _, known := x.words[word]; known || len(x.words) < indexWords {
				x.words[word]++
			}
		}
	}
	x.pending = nil
}

// lag is the age of the oldest message that the index does not have yet, in seconds.
func (x *subjectIndex) lag(context.Context) (int64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.pending) == 0 {
		return 0, nil
	}
	return int64(time.Since(x.pending[0].stored).Seconds()), nil
}
