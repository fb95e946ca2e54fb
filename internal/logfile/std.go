package logfile

import (
	"io"
	"os"
	"sync"
)

// Std returns a writer of lines to os.Stdout or os.Stderr. When nobody reads these any
// more, writing to them by their own descriptors, 1 and 2, ends the process by SIGPIPE;
// by another descriptor it is an error.
func Std(f *os.File) io.Writer { return &std{original: f} }

type std struct {
	original *os.File

	mu   sync.Mutex
	file *os.File // made by the first line: many logs never write one
	torn bool
}

func (s *std) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		s.file = elsewhere(s.original)
	}
	return writeLine(s.file, line, &s.torn)
}
