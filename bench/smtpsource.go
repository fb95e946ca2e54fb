package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
)

// smtpSource is postfix's load generator: one that is not ours cannot favour us.
type smtpSource struct{ path string }

func (smtpSource) String() string { return "postfix's smtp-source" }

// findGenerator returns smtp-source where it is installed, else our own.
func findGenerator() generator {
	for _, name := range []string{"smtp-source", "/usr/sbin/smtp-source"} {
		if path, err := exec.LookPath(name); err == nil {
			return smtpSource{path}
		}
	}
	return goClient{}
}

func (g smtpSource) send(ctx context.Context, address string, sessions, messages int) error {
	cmd := exec.CommandContext(ctx, g.path, "-4", "-d", // -d: many messages over one connection
		"-s", strconv.Itoa(sessions), "-m", strconv.Itoa(messages), "-l", "1024",
		"-f", "alice@sender.example", "-t", recipient, address)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("smtp-source: %w: %s", err, out)
	}
	return nil
}
