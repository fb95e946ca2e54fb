// Package checks has health checks that prove a function: a disk has room, a listener
// greets, a name resolves, a certificate lasts, the queue moves, and a mail arrives. Register
// what they return with otelmail.WithCheck or health.Registry.Register, which also
// say how often a check runs and how long it may take.
//
//	otelmail.WithCheck("smtp", checks.SMTP("127.0.0.1:25"), health.Interval(30*time.Second))
//
// A check asks once, and nothing it asks is waited for longer than its context lasts. One made
// with a wrong argument fails at every run and says what is allowed. Errors have no
// mail address in them, except in what a server answers, of which they quote the first 100
// bytes.
//
// [docs/health.md] says what belongs into readiness, into liveness, and into /health alone.
//
// [docs/health.md]: https://github.com/rusmes/otelmail/blob/main/docs/health.md
package checks
