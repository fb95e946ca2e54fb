package mailconv_test

import (
	"fmt"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/mailconv"
)

// What a client said becomes one of a closed set, so that nobody outside chooses a name.
func ExampleParseSMTPVerb() {
	fmt.Println(mailconv.ParseSMTPVerb("ehlo"), mailconv.ParseSMTPVerb("XYZZY"))
	// Output: EHLO _OTHER
}

// Attributes for a span of the application's own.
func Example() {
	for _, a := range []attribute.KeyValue{
		mailconv.SMTPCommandKey.String("RCPT"), mailconv.IMAPMailbox("inbox"), mailconv.To().Domain.String("example.org"),
	} {
		fmt.Println(a.Key, a.Value.AsString())
	}
	// Output:
	// smtp.command RCPT
	// imap.mailbox inbox
	// email.to.domain example.org
}
