// Package integration tests otelmail from outside: the demo mail server runs as
// a program of its own, mail clients talk to it, and a real Collector, a real
// Prometheus and promtool take what it serves and pushes. What needs programs
// from Debian has the build tag debian: see the target test-peers of the Makefile.
package integration
