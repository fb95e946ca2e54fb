package demo

import (
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
)

// inboxTexts reads the local user's INBOX over IMAP.
func inboxTexts(t *testing.T, d *Demo) []string {
	t.Helper()
	users := imapmemserver.New()
	users.AddUser(d.store.user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return users.NewSession(), nil, nil
		},
		InsecureAuth: true,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Close()
	client, err := imapclient.DialInsecure(l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Login(d.config.User, d.config.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	selected, err := client.Select(inbox, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if selected.NumMessages == 0 {
		return nil
	}
	whole := &imap.FetchItemBodySection{Peek: true}
	found, err := client.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range found {
		texts = append(texts, string(m.FindBodySection(whole)))
	}
	return texts
}

func TestTheInboxKeepsTheNewest(t *testing.T) {
	tel := otelmail.Noop()
	s, err := newMailStore(tel, "demo", "demo")
	if err != nil {
		t.Fatal(err)
	}
	for range inboxMost + 1 {
		if err := s.append(t.Context(), inbox, []byte("Subject: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	status, err := s.user.Status(inbox, &imap.StatusOptions{NumMessages: true, NumDeleted: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *status.NumMessages, uint32(inboxMost+1-inboxForget); got != want || *status.NumDeleted != 0 {
		t.Errorf("%d messages, %d of them deleted; want %d and 0", got, *status.NumDeleted, want)
	}
}

func TestBouncesAreReports(t *testing.T) {
	d := running(t, quick())
	if err := d.traffic.submit(t.Context(), 7, d.traffic.own(), "reject@supplier.example", "always-defer@slow.example", "friend@partner.example"); err != nil {
		t.Fatal(err)
	}
	idle(t, d)
	// One at once, for what was rejected, and one when the patience was over.
	texts := inboxTexts(t, d)
	if len(texts) != 2 {
		t.Fatalf("%d bounces, want 2", len(texts))
	}
	for i, want := range [][]string{
		{"Final-Recipient: rfc822; reject@supplier.example", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 No such user here"},
		{"Final-Recipient: rfc822; always-defer@slow.example", "Status: 4.3.0", "Diagnostic-Code: smtp; 451 4.3.0 Try again later"},
	} {
		report := parts(t, texts[i])
		if len(report) != 3 {
			t.Fatalf("bounce %d has %d parts, want 3", i+1, len(report))
		}
		for _, line := range append(want, "Reporting-MTA: dns; "+localHost, "Action: failed") {
			if !strings.Contains(report["message/delivery-status"], line+"\r\n") {
				t.Errorf("bounce %d lacks %q:\n%s", i+1, line, report["message/delivery-status"])
			}
		}
		if !strings.Contains(report["text/rfc822-headers"], "Subject: Demo message 7\r\n") {
			t.Errorf("bounce %d lacks the header of the message:\n%s", i+1, report["text/rfc822-headers"])
		}
	}
	compare(t, d, counts{received: 1, bounced: 2, delivered: 3, retries: 3})
}

// A bounce that cannot be delivered ends there.
func TestABounceIsNeverBounced(t *testing.T) {
	d := running(t, quick())
	for _, sender := range []string{"reject@partner.example", "always-defer@partner.example", "nobody@example.org", ""} {
		if err := d.traffic.submit(t.Context(), 1, sender, "reject@supplier.example"); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, d)
	compare(t, d, counts{received: 4, bounced: 3, dropped: 4, delivered: 0, messages: 0})
}

// TestMailboxAfterThePlus: mail for user+mailbox goes there, and for a mailbox that is not, to
// INBOX.
func TestMailboxAfterThePlus(t *testing.T) {
	d := running(t, quick())
	for address, want := range map[string]string{
		"demo@example.org": "INBOX", "demo+Archive@example.org": "Archive", "DEMO+archive@Example.ORG": "Archive", "demo+holidays@example.org": "INBOX", "demo+@example.org": "INBOX",
	} {
		if got := d.store.mailboxOf(address); !d.store.has(address) || got != want {
			t.Errorf("%s: ours %t, into %s, want %s", address, d.store.has(address), got, want)
		}
	}
	for _, address := range []string{"demon@example.org", "+Archive@example.org", "eve+demo@example.org", "demo+Archive@example.com"} {
		if d.store.has(address) {
			t.Errorf("%s is ours", address)
		}
	}
}
