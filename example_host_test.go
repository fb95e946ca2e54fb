package otelmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net/netip"
	"time"

	"github.com/rusmes/otelmail"
)

var tlsConfig = &tls.Config{}

// What ends one day, and what others think of us: asked in the background, until Shutdown.
func ExampleHost() {
	err := errors.Join(
		tel.Host.WatchCertificate("submissions", tlsConfig, "mail.example.org"),
		tel.Host.WatchCertificateFile("mx", "/etc/mymail/fullchain.pem"), // read anew, so that a renewal shows
		tel.Host.WatchDisk("spool", "/var/spool/mymail"),
		tel.Host.WatchBlockLists(otelmail.BlockLists{
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.25")}, // our own, as others see it
			Zones:     []string{"zen.spamhaus.org", "bl.spamcop.net"},
			Interval:  30 * time.Minute,
		}),
	)
	if err != nil {
		log.Print(err) // names the argument that is wrong, and what is allowed
	}
}

// A panic that the server has contained itself, outside of any handle.
func ExampleHost_Panic() {
	tel := newExampleTelemetry()
	func() {
		defer func() {
			if recover() != nil {
				tel.Host.Panic(otelmail.ComponentQueue)
			}
		}()
		panic("a nil message")
	}()
	counted(tel, "panics_total", "queue")
	// Output: panics_total{queue} 1
}

// The problem type is that of golang.org/x/crypto/acme's Error; "" where there is none.
func ExampleHost_ACMEError() {
	tel.Host.ACMEError("urn:ietf:params:acme:error:rateLimited")
}

// What the policy made of a message: values as RFC 8601 and rspamd have them.
func ExampleFilter() {
	tel := newExampleTelemetry()
	tel.Filter.Authentication("spf", "pass")
	tel.Filter.Authentication("dkim", "permerror")
	tel.Filter.Verdict("add header")
	tel.Filter.RateLimit(otelmail.LimiterSender, otelmail.LimitReject)
	counted(tel, "authentication_results_total", "dkim", "permerror")
	counted(tel, "spam_verdicts_total", "add_header")
	counted(tel, "ratelimit_total", "sender", "reject")
	// Output:
	// authentication_results_total{dkim,permerror} 1
	// spam_verdicts_total{add_header} 1
	// ratelimit_total{sender,reject} 1
}

// An operation on the mail store, timed.
func ExampleStorage() {
	operation := tel.Storage.Operation(ctx, otelmail.StoreAppend)
	err := appendMessage()
	operation.End(otelmail.CauseOf(err)) // nil is ok, everything else an error

	tel.Storage.IndexLag.Observe(func(context.Context) (int64, error) { return 3, nil }) // seconds
}

func appendMessage() error { return nil }
