package demo

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// lines reads everything; a line that is too long shows as "!".
func popLines(r io.Reader) (all []string, end error) {
	reader := newPOP3Lines(r)
	for {
		line, err := reader.next()
		switch {
		case errors.Is(err, errPOP3Line):
			all = append(all, "!")
		case err != nil:
			return all, err
		default:
			all = append(all, string(line))
		}
	}
}

func TestPOP3Lines(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name, in string
		want     []string
		end      error
	}{
		{"commands", "USER bob\r\nPASS  x \nQUIT\r\n", []string{"USER bob", "PASS  x ", "QUIT"}, io.EOF},
		{"nothing", "", nil, io.EOF},
		{"empty lines", "\r\n\n\r\r\n", []string{"", "", "\r"}, io.EOF},
		{"odd bytes", "\x00\xff\r\n", []string{"\x00\xff"}, io.EOF},
		{"cut off", "NOOP\r\nNO", []string{"NOOP"}, io.ErrUnexpectedEOF},
		{"the longest", x(253) + "\r\nNOOP\r\n", []string{x(253), "NOOP"}, io.EOF},
		{"one more", x(254) + "\r\nNOOP\r\n", []string{"!", "NOOP"}, io.EOF},
		{"much longer", x(100_000) + "\r\nNOOP\r\n" + x(509) + "\n" + x(510) + "\n" + x(511) + "\nQUIT\n",
			[]string{"!", "NOOP", "!", "!", "!", "QUIT"}, io.EOF},
		{"too long and cut off", x(1000), []string{"!"}, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(tt.in), "bytes": iotest.OneByteReader(strings.NewReader(tt.in)),
				"halves": iotest.HalfReader(strings.NewReader(tt.in)), "with its end": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				got, end := popLines(r)
				if !slices.Equal(got, tt.want) || !errors.Is(end, tt.end) {
					t.Errorf("%s: got %.60q, %v; want %.60q, %v", name, got, end, tt.want, tt.end)
				}
			}
		})
	}
}

func TestPOP3LinesPassesErrorsOn(t *testing.T) {
	_, end := popLines(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("NOOP\r\n"))))
	if !errors.Is(end, iotest.ErrTimeout) {
		t.Errorf("got %v", end)
	}
	_, end = popLines(iotest.ErrReader(os.ErrDeadlineExceeded))
	if !errors.Is(end, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", end)
	}
}

func TestPOP3LinesTellsWhatWasSentAhead(t *testing.T) {
	r := newPOP3Lines(strings.NewReader("STLS\r\nPASS x\r\n"))
	if _, err := r.next(); err != nil {
		t.Fatal(err)
	}
	if n := r.sentAhead(); n != len("PASS x\r\n") {
		t.Errorf("%d bytes", n)
	}
}

// A hundred megabytes without an end are read in the memory of a line.
func TestPOP3LinesDoesNotGrow(t *testing.T) {
	r := newPOP3Lines(io.LimitReader(endless{}, 100<<20))
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := r.next(); err == nil {
			t.Error("no error")
		}
		_, _ = r.next()
	})
	if allocated > 4 {
		t.Errorf("%v allocations", allocated)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func FuzzPOP3Lines(f *testing.F) {
	f.Add([]byte("USER bob\r\nPASS x\r\n"), uint8(1))
	f.Add(bytes.Repeat([]byte("x"), 600), uint8(200))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		got, end := popLines(&chunks{in: in, size: int(piece) + 1})
		var want []string
		whole := bytes.SplitAfter(in, []byte{'\n'})
		rest := whole[len(whole)-1]
		for _, line := range whole[:len(whole)-1] {
			if len(line) > maxPOP3Line {
				want = append(want, "!")
				continue
			}
			want = append(want, strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"))
		}
		// Of a line without an end it depends on the pieces whether it is known to be too long.
		if len(rest) > maxPOP3Line && len(got) == len(want)+1 {
			want = append(want, "!")
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		wantEnd := io.EOF
		if len(rest) > 0 {
			wantEnd = io.ErrUnexpectedEOF
		}
		if !errors.Is(end, wantEnd) {
			t.Fatalf("ended with %v, want %v", end, wantEnd)
		}
	})
}

// chunks gives its bytes in pieces of one size.
type chunks struct {
	in   []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in[:min(c.size, len(c.in))])
	c.in = c.in[n:]
	return n, nil
}
