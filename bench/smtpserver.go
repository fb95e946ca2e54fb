package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

// hello is the first line a server child writes.
type hello struct {
	SMTP    string `json:"smtp"`
	Metrics string `json:"metrics"` // host:port, "" when unwrapped
}

// usage is a server child's answer to each line it reads: what it has used and how much
// it has done since it began.
type usage struct {
	CPU      time.Duration `json:"cpu"` // user and system time
	Mallocs  uint64        `json:"mallocs"`
	Messages int64         `json:"messages"`
}

// serverChild runs a mail server until its standard input ends.
func serverChild(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	mode := flags.String("mode", string(Unwrapped), "unwrapped, control, metrics, unsampled or sampled")
	onDisk := flags.Bool("spool", false, "keep messages in a temporary directory; else discard them")
	profile := flags.String("profile", "", "file for a CPU profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := &mailServer{backend: &backend{}}
	if *onDisk {
		dir, err := os.MkdirTemp("", "otelmail-bench-")
		if err != nil {
			return fmt.Errorf("make a spool: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s.backend.spool = dir
	}
	say := json.NewEncoder(os.Stdout)
	h, err := s.serve(ctx, Mode(*mode))
	if err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile a server: %w", err)
		}
		defer func() { pprof.StopCPUProfile(); _ = f.Close() }()
	}
	if err := say.Encode(h); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		u, err := s.usage(ctx)
		if err != nil {
			return err
		}
		if err := say.Encode(u); err != nil {
			return err
		}
		if err := s.backend.clear(); err != nil {
			return err
		}
	}
	return nil
}

type mailServer struct {
	backend *backend
	batches sdktrace.SpanProcessor
}

func (s *mailServer) serve(ctx context.Context, mode Mode) (hello, error) {
	var h hello
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return h, fmt.Errorf("listen for mail: %w", err)
	}
	h.SMTP = l.Addr().String()
	server := smtp.NewServer(s.backend)
	server.Domain = "mx.example.org"
	server.ErrorLog = log.New(io.Discard, "", 0) // a client that goes away is no news
	serve := server.Serve
	if mode != Unwrapped && mode != Control {
		if h.Metrics, err = freeAddress(ctx); err != nil {
			return h, err
		}
		tel, batches, err := mode.telemetry(ctx, h.Metrics)
		if err != nil {
			return h, err
		}
		s.batches = batches
		serve = otelsmtp.NewServer(tel, server).Serve
	}
	go func() { _ = serve(l) }() // until the process ends
	return h, nil
}

// freeAddress finds a port for /metrics, which the exporter then listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port for /metrics: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// usage is taken after the spans in the queue are exported: they belong to the messages
// sent so far.
func (s *mailServer) usage(ctx context.Context) (usage, error) {
	if s.batches != nil {
		if err := s.batches.ForceFlush(ctx); err != nil {
			return usage{}, fmt.Errorf("flush the spans: %w", err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("ask for the CPU time: %w", err)
	}
	return usage{
		CPU:      time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Mallocs:  m.Mallocs,
		Messages: s.backend.accepted.Load(),
	}, nil
}
