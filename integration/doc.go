// Package integration tests otelmail from outside: the demo mail server runs as
// a program of its own, mail clients talk to it, and a real Collector, a real
// Prometheus and promtool read what it serves and receive what it pushes. Tests that need
// programs from Debian have the build tag debian: see test-peers in the Makefile.
package integration
