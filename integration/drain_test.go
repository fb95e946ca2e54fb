package integration

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// TestDrainUnderTraffic ends a demo while mail is brought to it: nobody finds the door closed
// before /ready has said so, every message that got its 250 is delivered or in the spool, and
// its events have arrived.
func TestDrainUnderTraffic(t *testing.T) {
	t.Parallel()
	c := peer.StartCollector(t)
	spool := t.TempDir()
	d := startDemo(t, launch{flags: []string{"--drain", "10s", "--spool", spool},
		env: append(pushTo(c, "http/protobuf"), "OTEL_TRACES_SAMPLER=parentbased_always_off")})

	senders := &senders{}
	senders.start(d, 4)
	peer.Eventually(t, patience, func() error {
		if n := senders.accepted(); n < 50 {
			return fmt.Errorf("%d messages are accepted", n)
		}
		return nil
	})
	d.terminate()
	peer.Eventually(t, patience, func() error { return d.readiness(http.StatusServiceUnavailable) })
	seen, before := time.Now(), senders.accepted()
	senders.wait() // each until its connection is refused
	for _, refused := range senders.refused {
		if refused.Before(seen) {
			t.Errorf("a client was refused %v before /ready said 503", seen.Sub(refused))
		}
	}
	if after := senders.accepted(); after <= before {
		t.Errorf("of %d messages none was accepted while /ready said 503", after)
	}
	d.farewell()
	d.wantEmptyLog()

	left := everything(t, spool)
	peer.Eventually(t, patience, func() error {
		events := map[string]bool{}
		for _, record := range c.Logs() {
			events[fmt.Sprint(record.EventName, " ", record.Attributes["email.from.domain"])] = true
		}
		for _, domain := range senders.domains {
			if !events["email.accepted "+domain] {
				return fmt.Errorf("of %d messages the one of %s has no event email.accepted", len(senders.domains), domain)
			}
			if !events["email.delivered "+domain] && !strings.Contains(left, domain) {
				return fmt.Errorf("of %d messages the one of %s is neither delivered nor in the spool", len(senders.domains), domain)
			}
		}
		return nil
	})
}

// senders bring mail, each message from a domain of its own, until they are refused.
type senders struct {
	working sync.WaitGroup

	mu      sync.Mutex
	domains []string    // of those that got their 250
	refused []time.Time // when a sender could not connect, or was sent away
}

func (s *senders) start(d *demo, n int) {
	for i := range n {
		s.working.Go(func() {
			for k := 0; ; k++ {
				begun := time.Now()
				domain := fmt.Sprintf("from-%d-%d.example", i, k)
				err := bringFrom(d.smtp, "someone@"+domain)
				s.mu.Lock()
				if err != nil {
					s.refused = append(s.refused, begun)
					s.mu.Unlock()
					return
				}
				s.domains = append(s.domains, domain)
				s.mu.Unlock()
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

func (s *senders) wait() { s.working.Wait() }

func (s *senders) accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.domains)
}

func bringFrom(address, from string) error {
	client, err := smtp.Dial(address)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.SendMail(from, []string{own}, strings.NewReader("Subject: drain\r\n\r\nhi\r\n")); err != nil {
		return err
	}
	_ = client.Quit() // the message is theirs already
	return nil
}

// everything that stands in the files of a directory.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// A second signal ends the demo at once, however long it would drain.
func TestASecondSignalEndsTheDemo(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			d := startDemo(t, launch{flags: []string{"--drain", "10m"}})
			d.terminate()
			peer.Eventually(t, patience, func() error { return d.readiness(http.StatusServiceUnavailable) })
			if err := d.cmd.Process.Signal(second); err != nil {
				t.Fatal(err)
			}
			d.wait()
			if status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != second {
				t.Errorf("the demo ended with %v, want the signal %v", d.cmd.ProcessState, second)
			}
		})
	}
}
