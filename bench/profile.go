package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"time"
)

// profileTime is how long each side of a row is profiled.
const profileTime = 5 * time.Second

// writeProfiles writes a CPU profile of each side of a row into the working
// folder, to be read with go tool pprof.
func (o options) writeProfiles(ctx context.Context, duels []duel) error {
	for _, d := range duels {
		if d.row.ID == o.profile {
			return errors.Join(d.profile(d.ours, o.profile+".ours.prof"), d.profile(d.theirs, o.profile+".theirs.prof"))
		}
	}
	words := strings.Split(o.profile, "-")
	if len(words) != 3 || words[0] != "server" {
		return fmt.Errorf("-profile %q: no such row, or one without profiles: see -list", o.profile)
	}
	for _, m := range []Mode{Mode(words[2]), Unwrapped} {
		if err := o.profileServer(ctx, store(words[1]), m); err != nil {
			return err
		}
	}
	return nil
}

func (d duel) profile(l loop, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return fmt.Errorf("profile %s: %w", d.row.ID, err)
	}
	timed := d.timed(l)
	n := runner{turn: 100 * time.Millisecond}.calibrate(timed)
	for begun := time.Now(); time.Since(begun) < profileTime; {
		timed(n)
	}
	pprof.StopCPUProfile()
	progress("wrote %s", file)
	return f.Close()
}

func (o options) profileServer(ctx context.Context, s store, m Mode) (err error) {
	file := fmt.Sprintf("server-%s-%s.prof", s, m)
	server, err := serve(ctx, m, 0, append(s.arguments(), "-profile", file)...)
	if err != nil {
		return err
	}
	g := findGenerator()
	for begun := time.Now(); err == nil && time.Since(begun) < profileTime; {
		_, err = server.spend(ctx, g, sessionsInTurn, 500)
	}
	progress("wrote %s", file)
	return errors.Join(err, server.stop())
}
