package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Every message that got its 250 is, after a drain in the middle of traffic, in
// a mailbox, with the second server, or in the spool.
func TestADrainLosesNoAcceptedMessage(t *testing.T) {
	c := quick()
	c.Spool = t.TempDir()
	d := begin(t, c)
	var gone messagesTaken
	gone.watch(d)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var promised marks
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				mark := fmt.Sprintf("mark-%d-%d.", i, n)
				from, to := "a@b.example", d.traffic.own()
				if i%2 == 0 {
					to = "friend@partner.example"
				}
				if n%5 == 4 && i%2 == 0 {
					to = fmt.Sprintf("defer-%d-%d@slow.example", i, n)
				}
				if sendMarked(ctx, d.traffic, i%2 == 0, from, to, mark) == nil {
					promised.add(mark)
				}
			}
		})
	}
	eventually(t, "traffic", func() bool { return value(t, d, delivered) > 100 })
	stop(t, d)
	cancel()
	senders.Wait()

	found := strings.Join(inboxTexts(t, d), "") + strings.Join(gone.texts, "") + spoolTexts(t, c.Spool)
	for _, mark := range promised.all {
		if !strings.Contains(found, mark) {
			t.Errorf("%s was accepted and is nowhere", mark)
		}
	}
	// Nothing is dropped here, so the counters must say the same.
	inQueue := value(t, d, queueSize)
	if got, want := value(t, d, received), value(t, d, delivered)+inQueue; got != want {
		t.Errorf("%d accepted, but %d delivered or still in the queue", got, want)
	}
	if onDisk := int64(len(files(t, c.Spool)) / 2); onDisk != inQueue {
		t.Errorf("queue_size is %d, in the spool are %d", inQueue, onDisk)
	}
	if int64(len(promised.all)) > value(t, d, received) {
		t.Errorf("%d messages got their 250, %d were counted", len(promised.all), value(t, d, received))
	}
	if len(promised.all) < 100 {
		t.Errorf("only %d messages: too few to show anything", len(promised.all))
	}
}

type marks struct {
	mu  sync.Mutex
	all []string
}

func (m *marks) add(mark string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, mark)
}

func sendMarked(ctx context.Context, t *traffic, submit bool, from, to, mark string) error {
	if !submit {
		return t.bring(ctx, from, to, letter(0, from, to, mark))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := t.startTLS(ctx)
	if err != nil {
		return err
	}
	return t.submitText(client, letter(0, from, to, mark), from, to)
}

func spoolTexts(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range files(t, dir) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
