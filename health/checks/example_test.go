package checks_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/mail"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/health"
	"github.com/rusmes/otelmail/health/checks"
)

// The checks of a mail server: what new connections need decides readiness, what an
// operator has to look at decides /health alone.
func Example() {
	const fortnight = 14 * 24 * time.Hour
	roots := x509.NewCertPool() // of an authority of one's own; without Roots the system's count
	queue := func(context.Context) (time.Time, error) { return time.Time{}, nil }

	tel, err := otelmail.Start(context.Background(),
		otelmail.WithCheck("spool", health.WriteReadBack("/var/spool/mymail"), health.Decides(health.Readiness),
			health.FailAfter(2, 0), health.Groups("storage")),
		otelmail.WithCheck("disk", checks.Disk("/var/spool/mymail", 0.05), health.Groups("storage")),
		otelmail.WithCheck("queue", checks.Oldest(queue, time.Hour), health.FailAfter(3, time.Minute)),
		otelmail.WithCheck("smtp", checks.SMTP("127.0.0.1:25"), health.Interval(30*time.Second)),
		otelmail.WithCheck("submissions", checks.SMTP(":465", checks.ImplicitTLS("mail.example.org", fortnight)), health.Interval(time.Minute)),
		otelmail.WithCheck("imap", checks.IMAP(":143", checks.StartTLS("mail.example.org", fortnight), checks.Roots(roots)), health.Interval(time.Minute)),
		otelmail.WithCheck("pop3", checks.POP3(":110"), health.Interval(time.Minute)),
		otelmail.WithCheck("jmap", checks.TCP(":443", checks.ImplicitTLS("mail.example.org", fortnight)), health.Interval(time.Minute)),
		otelmail.WithCheck("certificate", checks.CertificateFile("/etc/mymail/tls.pem", fortnight), health.Interval(time.Hour)),
		otelmail.WithCheck("dns", checks.DNS(nil, "mail.example.org."), health.FailAfter(3, 30*time.Second)))
	if err != nil {
		fmt.Println(err)
	}
	defer tel.Shutdown(context.Background())

	// Once the listeners are served: a mail to ourselves, every other minute, for which
	// round_trip_duration_seconds shows how long it took.
	err = tel.Health.Register("roundtrip", checks.RoundTrip{
		Address: "127.0.0.1:25", From: "check@example.org", To: "check@example.org",
		Take: checks.Mailbox{Address: "127.0.0.1:143", User: "check", Password: "from a file"}.Take,
		Took: tel.Mail.RoundTrip,
	}.Check(), health.Timeout(time.Minute), health.Interval(2*time.Minute), health.FailAfter(2, 0), health.Groups("mail"))
	if err != nil {
		fmt.Println(err)
	}
}

// ofOurselves is how a server knows the mail of its own round trip, which it leaves out of its
// statistics. A stranger can write the field, too.
func ofOurselves(sender string, header mail.Header) bool {
	return sender == "check@example.org" && header.Get(checks.RoundTripHeader) != ""
}

func ExampleRoundTrip() {
	fmt.Println(ofOurselves("check@example.org", mail.Header{checks.RoundTripHeader: {"ABCDEF"}}))
	fmt.Println(ofOurselves("stranger@example.com", mail.Header{checks.RoundTripHeader: {"ABCDEF"}}))
	// Output:
	// true
	// false
}
