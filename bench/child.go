package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// What needs its own heap, GOMAXPROCS or CPU clock runs in a child process, which is this
// program again.

// childCommand is the first argument of a child; the second is its job.
const childCommand = "child"

func runChild(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "exposition":
			return expositionChild(ctx, args[1:])
		case "server":
			return serverChild(ctx, args[1:])
		}
	}
	return fmt.Errorf("unknown child %q: want exposition or server", args)
}

// newChild makes the command of a child with the given GOMAXPROCS, 0 for the default.
func newChild(ctx context.Context, procs int, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to run it again: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, append([]string{childCommand}, args...)...)
	cmd.Stderr = os.Stderr
	cmd.Env = os.Environ()
	if procs > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMAXPROCS=%d", procs))
	}
	return cmd, nil
}

// ask runs a child to its end and reads its answer.
func ask(ctx context.Context, answer any, procs int, args ...string) error {
	cmd, err := newChild(ctx, procs, args...)
	if err != nil {
		return err
	}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("child %v: %w", args, err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("child %v: read its answer: %w", args, err)
	}
	return nil
}
