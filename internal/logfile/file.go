// Package logfile is where a log goes: a file that others rename, or a standard stream
// whose reader may be gone.
package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// mode is that of a new file: logs may hold what is not for everyone to read.
const mode = 0o640

// File appends to a file. Before each write it looks whether the path still names what
// is open, and opens the path again where it does not: after a rename by logrotate, for
// example.
type File struct {
	path   string
	report func(error)

	mu     sync.Mutex
	file   *os.File
	opened fs.FileInfo
	torn   bool // the last line was written in part

	signals chan os.Signal
	watched chan struct{} // closed when nobody waits for signals any more
}

// Open opens the file for appending, and creates it where there is none. A FIFO needs no
// reader yet. report receives what goes wrong when it is opened again: what is logged
// goes on into the file that was open before.
func Open(path string, report func(error)) (*File, error) {
	f := &File{path: path, report: report}
	var err error
	if f.file, f.opened, err = open(path); err != nil {
		return nil, err
	}
	return f, nil
}

// open waits for nobody: neither for the reader of a FIFO, nor for a modem.
func open(path string) (*os.File, fs.FileInfo, error) {
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_NONBLOCK
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		// Opened for reading too, a FIFO has a reader at once, and what is written stays
		// in it until the other one comes.
		flags = os.O_RDWR | syscall.O_NONBLOCK
	}
	f, err := os.OpenFile(path, flags, mode)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// Write writes a line, to the file that has the path now. A line that follows one that was
// cut, on a full disk for example, begins on a line of its own.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now, err := os.Stat(f.path); err != nil || !os.SameFile(now, f.opened) {
		f.reopen()
	}
	return writeLine(f.file, line, &f.torn)
}

// Reopen opens the path again, whatever it names.
func (f *File) Reopen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reopen()
}

func (f *File) reopen() {
	file, info, err := open(f.path)
	if err != nil {
		f.report(fmt.Errorf("open the log again: its lines go where they went before: %w", err))
		return
	}
	if err := f.file.Close(); err != nil {
		f.report(fmt.Errorf("close the old log: %w", err))
	}
	f.file, f.opened, f.torn = file, info, false
}

// ReopenOn opens the path again at each signal, until [File.Close]. A signal that the
// process ignores, as nohup has it ignore SIGHUP, stays ignored.
func (f *File) ReopenOn(s os.Signal) {
	if signal.Ignored(s) {
		return
	}
	f.signals, f.watched = make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(f.signals, s)
	go func() {
		defer close(f.watched)
		for range f.signals {
			f.Reopen()
		}
	}()
}

// Close closes the file.
func (f *File) Close() error {
	if f.signals != nil {
		signal.Stop(f.signals)
		close(f.signals)
		<-f.watched
		f.signals = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// writeLine writes a line, and begins a new one before it where torn says so.
func writeLine(w *os.File, line []byte, torn *bool) (int, error) {
	text := line
	if *torn {
		text = append([]byte{'\n'}, line...)
	}
	n, err := w.Write(text)
	if n > 0 {
		*torn = text[n-1] != '\n'
	}
	return max(n-(len(text)-len(line)), 0), err
}
