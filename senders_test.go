package otelmail_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

var hashKey = []byte("the same on every server")

// sends is a session in which a user logs in and sends messages.
func sends(tel *otelmail.Telemetry, user, from string, messages int) {
	s := tel.SMTP.Session(context.Background(), otelmail.RoleSubmission, otelmail.Conn{Remote: tcp(from)})
	auth := s.Command(mailconv.SMTPAuth)
	auth.Note(otelmail.SMTPFacts{User: user})
	auth.End(otelmail.Reply{Code: 235})
	for range messages {
		data := s.Command(mailconv.SMTPData)
		data.Note(otelmail.SMTPFacts{User: user})
		data.EndMessage(otelmail.Reply{Code: 250}, "a@example.org")
	}
	s.End(otelmail.CauseNone)
}

// byUser are the values of a series by user_hash.
func byUser(t *testing.T, r *otelmail.Reader, name string) map[string]int64 {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	switch data := collect(t, r)["rusmes_"+name].Data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	}
	values := map[string]int64{}
	for _, p := range points {
		v, _ := p.Attributes.Value(attribute.Key("user_hash"))
		values[v.AsString()] = p.Value
	}
	return values
}

func TestSendersAndTheirNetworks(t *testing.T) {
	tel, reader := start(t, otelmail.WithHashKey(hashKey))
	if got := byUser(t, reader, "messages_per_sender_total"); len(got) != 1 || got["_other"] != 0 {
		t.Errorf("before any event: %v", got)
	}
	sends(tel, "alice@example.org", "192.0.2.1:1000", 3)
	sends(tel, "alice@EXAMPLE.org", "192.0.2.200:1000", 1) // the same user, the same /24
	for i := range 7 {
		sends(tel, "bob", fmt.Sprintf("198.51.%d.1:25", i), 2)
	}
	sends(tel, "bob", "[2001:db8:0:1::1]:25", 1)
	sends(tel, "bob", "[2001:db8:0:1:ffff::1]:25", 1) // the same /64
	sends(tel, "bob", "[2001:db8:0:2::1]:25", 1)
	sends(tel, "idle", "203.0.113.1:25", 0)

	messages, networks := byUser(t, reader, "messages_per_sender_total"), byUser(t, reader, "sender_networks")
	if len(messages) != 3 || len(networks) != 2 {
		t.Fatalf("messages %v, networks %v, want two users", messages, networks)
	}
	var hashes []string
	for hash, n := range messages {
		switch {
		case hash == "_other" && n == 0:
		case len(hash) == 16 && n == 4 && networks[hash] == 1, len(hash) == 16 && n == 17 && networks[hash] == 9:
			hashes = append(hashes, hash)
			checkValue(t, tel, n, "messages_per_sender_total", hash)
			checkValue(t, tel, networks[hash], "sender_networks", hash)
		default:
			t.Errorf("%s has %d messages from %d networks", hash, n, networks[hash])
		}
	}
	// Another process with the same key shows the same; after a rotation nothing does.
	again, _ := start(t, otelmail.WithHashKey(hashKey))
	sends(again, "alice@example.org", "192.0.2.1:1000", 1)
	sends(again, "bob", "192.0.2.1:1000", 1)
	for _, hash := range hashes {
		checkValue(t, again, 1, "messages_per_sender_total", hash)
	}
	if err := tel.RotateHashKey([]byte("another secret of the fleet")); err != nil {
		t.Fatal(err)
	}
	sends(tel, "bob", "192.0.2.1:1000", 1)
	if got := byUser(t, reader, "messages_per_sender_total"); len(got) != 4 {
		t.Errorf("after a rotation: %v, want one more user", got)
	}
}

// TestSendersWithoutALastingKey: the total is there, and no hash that another process could
// not tell.
func TestSendersWithoutALastingKey(t *testing.T) {
	for name, opts := range map[string][]otelmail.StartOption{
		"no key": nil, "no hashes": {otelmail.WithHashKey(hashKey), otelmail.WithPrivacy(otelmail.PrivacyNone)},
	} {
		tel, reader := start(t, opts...)
		sends(tel, "alice", "192.0.2.1:1000", 3)
		sends(tel, "bob", "198.51.100.1:1000", 2)
		if got := byUser(t, reader, "messages_per_sender_total"); len(got) != 1 || got["_other"] != 5 {
			t.Errorf("%s: messages %v", name, got)
		}
		if got := byUser(t, reader, "sender_networks"); len(got) != 0 {
			t.Errorf("%s: networks %v", name, got)
		}
	}
}

// TestSendersAreBoundedAndExact: many users at once; the sum is that of the messages.
func TestSendersAreBoundedAndExact(t *testing.T) {
	tel, reader := start(t, otelmail.WithHashKey(hashKey))
	const workers, users = 8, 150
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for u := range users {
				sends(tel, fmt.Sprintf("user%d", u), fmt.Sprintf("10.%d.%d.1:25", w, u), 1+u%3)
				if u%50 == 0 {
					collect(t, reader)
				}
			}
		})
	}
	wg.Wait()
	messages, networks := byUser(t, reader, "messages_per_sender_total"), byUser(t, reader, "sender_networks")
	var sum int64
	for _, n := range messages {
		sum += n
	}
	if want := int64(workers * users * 2); sum != want {
		t.Errorf("%d messages, want %d", sum, want)
	}
	if len(messages) != 101 || len(networks) != 100 {
		t.Errorf("%d senders and %d of networks, want 100 and _other", len(messages), len(networks))
	}
	for hash, n := range networks {
		if n > workers {
			t.Errorf("%s has %d networks, want at most %d", hash, n, workers)
		}
	}
	sends(tel, "a traveller", "10.0.0.1:25", 1000) // outgrows the least busy
	for i := range 300 {
		sends(tel, "a traveller", fmt.Sprintf("172.%d.%d.1:25", i/250, i%250), 1)
	}
	var most int64
	for _, n := range byUser(t, reader, "sender_networks") {
		most = max(most, n)
	}
	if most != 250 {
		t.Errorf("%d networks of one, want 250 to be the most", most)
	}
}
