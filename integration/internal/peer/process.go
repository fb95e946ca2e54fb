package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 2 * time.Minute // from exec to ready; some 100 ms when the machine is not busy
	stopTimeout  = time.Minute     // from SIGTERM to the end; after it the program is killed
	// The Collector is healthy before it listens to signals: one that comes too soon kills it.
	deafness = time.Second
)

// errEnded says that a program ended although nothing had stopped it.
var errEnded = errors.New("it ended unexpectedly")

// process is one run of a peer's executable.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string        // file that holds what it printed, this run's after earlier runs'
	ready time.Time     // when it first answered
	ended chan struct{} // closed once the program ended and state is set
	state string        // how it ended
}

// launch starts the program, with what it prints appended to the file log.
func launch(name, log, executable string, args ...string) (*process, error) {
	return launchIn(nil, name, log, executable, args...)
}

// launchIn is launch with an environment, NAME=value, instead of this process's own; nil is that.
func launchIn(env []string, name, log, executable string, args ...string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a log for %s: %w", name, err)
	}
	defer output.Close() // the program has its own copy
	p := &process{name: name, log: log, ended: make(chan struct{})}
	p.cmd = exec.Command(executable, args...)
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState has the same and more
		p.state = p.cmd.ProcessState.String()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// waitReady returns once url answers 200. The error is errEnded when the program ended
// before that.
func (p *process) waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := ask(ctx, url)
		if last == nil && p.running() {
			p.ready = time.Now()
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("waiting for %s: %w: %s", p.name, errEnded, p.state)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s to answer %s: %w, last: %w", p.name, url, ctx.Err(), last)
		case <-tick.C:
		}
	}
}

// ask wants a 200 from url.
func ask(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Close = true // a connection kept open would outlive a killed program
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// stop asks the program to end and waits for it; one that does not end is killed, and an
// error says so. Stopping a program that already ended does nothing.
func (p *process) stop() error {
	time.Sleep(time.Until(p.ready.Add(deafness)))
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended, which is what we want
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		p.kill()
		return fmt.Errorf("stopping %s: still running %v after SIGTERM, killed", p.name, stopTimeout)
	}
}

// kill ends the program as a power cut would, and waits for the end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// showLog puts the last of what a program printed into the test's output.
func showLog(t testing.TB, name, log string) {
	t.Helper()
	const most = 32 << 10
	file, err := os.Open(log)
	if err != nil {
		t.Logf("no log of %s: %v", name, err)
		return
	}
	defer file.Close()
	cut := ""
	if info, err := file.Stat(); err == nil && info.Size() > most {
		cut = " (its end)"
		_, _ = file.Seek(-most, io.SeekEnd)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		t.Logf("log of %s: %v", name, err)
		return
	}
	t.Logf("log of %s%s:\n%s", name, cut, strings.TrimSpace(string(text)))
}
