package demo

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

var discardLog = slog.New(slog.DiscardHandler)

// expungeFirst deletes the oldest message of INBOX.
func expungeFirst(c *imapclient.Client) error {
	if _, err := c.Select(inbox, nil).Wait(); err != nil {
		return err
	}
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}
	return errors.Join(c.Store(imap.SeqSetNum(1), deleted, nil).Close(), c.Expunge().Close())
}

func appendTo(mailbox, text string) func(*imapclient.Client) error {
	return func(c *imapclient.Client) error {
		appending := c.Append(mailbox, int64(len(text)), nil)
		_, err := io.WriteString(appending, text)
		if err = errors.Join(err, appending.Close()); err != nil {
			return err
		}
		_, err = appending.Wait()
		return err
	}
}

// The gauges are true whatever clients do.
func TestIMAPClientsMoveTheGauges(t *testing.T) {
	d := running(t, quick())
	fill(t, d.store, first, second)
	refusedAs := func(code imap.ResponseCode, do func(*imapclient.Client) error) func(*imapclient.Client) error {
		return func(c *imapclient.Client) error { return imapRefused(do(c), code) }
	}
	create := func(name string) func(*imapclient.Client) error {
		return func(c *imapclient.Client) error { return c.Create(name, nil).Wait() }
	}
	remove := func(name string) func(*imapclient.Client) error {
		return func(c *imapclient.Client) error { return c.Delete(name).Wait() }
	}
	rename := func(name, to string) func(*imapclient.Client) error {
		return func(c *imapclient.Client) error { return c.Rename(name, to, nil).Wait() }
	}
	selectInbox := func(c *imapclient.Client) error {
		_, err := c.Select(inbox, nil).Wait()
		return err
	}
	steps := []struct {
		name                     string
		do                       func(*imapclient.Client) error
		boxes, letters, sizeInBy int64
	}{
		{"nothing", func(*imapclient.Client) error { return nil }, 6, 2, 72},
		{"CREATE", create("A"), 7, 2, 72},
		{"CREATE below it", create("A/B"), 8, 2, 72},
		{"CREATE again", refusedAs(imap.ResponseCodeAlreadyExists, create("A")), 8, 2, 72},
		{"CREATE without a name", refusedAs(imap.ResponseCodeCannot, create("/")), 8, 2, 72},
		{"CREATE with too long a name", refusedAs(imap.ResponseCodeCannot, create(strings.Repeat("x", 201))), 8, 2, 72},
		{"APPEND", appendTo("A/B", first), 8, 3, 114},
		{"APPEND to nowhere", refusedAs(imap.ResponseCodeTryCreate, appendTo("Z", first)), 8, 3, 114},
		{"DELETE of what has others below", refusedAs(imap.ResponseCodeHasChildren, remove("A")), 8, 3, 114},
		{"RENAME takes along what is below", rename("A", "C"), 8, 3, 114},
		{"RENAME below itself", refusedAs(imap.ResponseCodeCannot, rename("C", "C/D")), 8, 3, 114},
		{"RENAME of INBOX", refusedAs(imap.ResponseCodeCannot, rename("inbox", "D")), 8, 3, 114},
		{"RENAME of nothing", refusedAs(imap.ResponseCodeNonExistent, rename("A", "D")), 8, 3, 114},
		{"SELECT", selectInbox, 8, 3, 114},
		{"COPY", func(c *imapclient.Client) error {
			_, err := c.Copy(imap.SeqSetNum(1, 2), "C").Wait()
			return err
		}, 8, 5, 186},
		{"MOVE", func(c *imapclient.Client) error {
			_, err := c.Move(imap.SeqSetNum(2), "C/B").Wait()
			return err
		}, 8, 5, 186},
		{"EXPUNGE", expungeFirst, 8, 4, 144},
		{"DELETE", remove("C/B"), 7, 2, 72},
		{"DELETE of INBOX", refusedAs(imap.ResponseCodeCannot, remove("INBOX")), 7, 2, 72},
	}
	err := d.traffic.imapSession(t.Context(), false, func(c *imapclient.Client) error {
		for _, step := range steps {
			if err := step.do(c); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			for series, want := range map[string]int64{mailboxes: step.boxes, messages: step.letters, "storage_bytes": step.sizeInBy} {
				if got := value(t, d, series); got != want {
					t.Errorf("after %s: %s is %d, want %d", step.name, series, got, want)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	nobodyConnected(t, d)
}

func TestIMAPNeedsTLSOffThisMachine(t *testing.T) {
	d := running(t, quick())
	certificate, err := newCertificate(localHost, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newIMAPServer(d.tel, d.store, certificate.config(), false, discardLog)
	s.serve(l, discardLog)
	defer s.stop(t.Context())
	elsewhere := *d.traffic
	elsewhere.imap = l.Addr().String()
	nothing := func(*imapclient.Client) error { return nil }
	if err := imapRefused(elsewhere.imapSession(t.Context(), false, nothing), imap.ResponseCodePrivacyRequired); err != nil {
		t.Error(err)
	}
	if err := elsewhere.imapSession(t.Context(), true, nothing); err != nil {
		t.Error(err)
	}
}

// Clients hear that the server goes, and IDLE ends as it should: neither is an
// error of theirs.
func TestIMAPSaysGoodBye(t *testing.T) {
	d := begin(t, quick())
	idler, err := d.traffic.imapConnect(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer idler.Close()
	if err := idler.Login("demo", "demo").Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := idler.Idle()
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", d.ports.imap.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	eventually(t, "both are connected", func() bool { return value(t, d, imapConnections) == 2 })
	began := time.Now()
	stop(t, d)
	if took := time.Since(began); took > sessionsLimit {
		t.Errorf("stopped after %v", took)
	}
	text, err := io.ReadAll(silent)
	if lines := strings.Split(string(text), "\r\n"); err != nil || len(lines) != 3 || !strings.HasPrefix(lines[1], "* BYE ") {
		t.Errorf("the silent client hears %q, %v", text, err)
	}
	_ = idle.Close() // DONE can no longer be sent
	// LOGIN, and IDLE, which the server has ended.
	compare(t, d, counts{imapCommands: 2, imapErrors: 0, imapConnections: 2, "active_connections imap": 0})
}
