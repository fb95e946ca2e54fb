//go:build unix

package logfile_test

import (
	"bufio"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestSIGHUP opens the file again even if nothing is logged, and does not end the process.
func TestSIGHUP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	application := make(chan os.Signal, 1) // has its own use for the signal, also under nohup
	signal.Notify(application, syscall.SIGHUP)
	defer signal.Stop(application)
	f, _ := open(t, path)
	f.ReopenOn(syscall.SIGHUP)
	for range 3 {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		<-application
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(path); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the file is not there again")
			}
		}
	}
}

// TestAnIgnoredSignal stays ignored: nohup means it.
func TestAnIgnoredSignal(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	f, _ := open(t, filepath.Join(t.TempDir(), "mail.log"))
	f.ReopenOn(syscall.SIGHUP)
	if !signal.Ignored(syscall.SIGHUP) {
		t.Error("it is no longer ignored")
	}
}

// TestFIFO needs no reader, and keeps the lines for the one that comes.
func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, told := open(t, path)
	for range 2 {
		write(t, f, "one")
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(r).ReadString('\n'); line != "one\n" {
			t.Errorf("read %q, %v", line, err)
		}
		r.Close()
	}
	if len(told.text) > 0 {
		t.Errorf("it reports %q", told.text)
	}
}
