package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// served is a server child as its parent sees it.
type served struct {
	hello
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

// serve starts a server child. End it with stop.
func serve(ctx context.Context, mode Mode, procs int, args ...string) (*served, error) {
	cmd, err := newChild(ctx, procs, append([]string{"server", "-mode", string(mode)}, args...)...)
	if err != nil {
		return nil, err
	}
	s := &served{cmd: cmd}
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	s.out = bufio.NewReader(stdout)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	if err := s.read(&s.hello); err != nil {
		_ = s.stop()
		return nil, fmt.Errorf("start a server (%s): %w", mode, err)
	}
	return s, nil
}

func (s *served) read(v any) error {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return json.Unmarshal(line, v)
}

// usage asks the server what it has used so far.
func (s *served) usage() (usage, error) {
	if _, err := io.WriteString(s.stdin, "usage\n"); err != nil {
		return usage{}, fmt.Errorf("ask the server: %w", err)
	}
	var u usage
	return u, s.read(&u)
}

// stop makes the server end and waits for it.
func (s *served) stop() error {
	_ = s.stdin.Close()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("stop a server: %w", err)
	}
	return nil
}

// spent is what one message cost in a turn.
type spent struct {
	cpu     float64 // nanoseconds
	mallocs float64
	rate    float64 // messages a second
}

// spend sends messages and returns what each cost, as the server itself measures it.
func (s *served) spend(ctx context.Context, g generator, sessions, messages int) (spent, error) {
	before, err := s.usage()
	if err != nil {
		return spent{}, err
	}
	begun := time.Now()
	if err := g.send(ctx, s.SMTP, sessions, messages); err != nil {
		return spent{}, fmt.Errorf("load the server: %w", err)
	}
	took := time.Since(begun)
	after, err := s.usage()
	if err != nil {
		return spent{}, err
	}
	n := after.Messages - before.Messages
	if n != int64(messages) {
		return spent{}, fmt.Errorf("the server has accepted %d of %d messages", n, messages)
	}
	return spent{
		cpu:     float64(after.CPU-before.CPU) / float64(n),
		mallocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		rate:    float64(n) / took.Seconds(),
	}, nil
}
