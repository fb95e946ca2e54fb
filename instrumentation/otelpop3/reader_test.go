package otelpop3_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rusmes/otelmail/instrumentation/otelpop3"
)

// lines reads everything; a line that is too long shows as "!".
func lines(r io.Reader, read func(*otelpop3.Reader) ([]byte, error)) (all []string, end error) {
	reader := otelpop3.NewReader(r)
	for {
		line, err := read(reader)
		switch {
		case errors.Is(err, otelpop3.ErrTooLong):
			all = append(all, "!")
		case err != nil:
			return all, err
		default:
			all = append(all, string(line))
		}
	}
}

func TestReader(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	command, response := (*otelpop3.Reader).ReadLine, (*otelpop3.Reader).ReadResponse
	for _, tt := range []struct {
		name, in string
		read     func(*otelpop3.Reader) ([]byte, error)
		want     []string
		end      error
	}{
		{"commands", "USER bob\r\nPASS  x \nQUIT\r\n", command, []string{"USER bob", "PASS  x ", "QUIT"}, io.EOF},
		{"nothing", "", command, nil, io.EOF},
		{"empty lines", "\r\n\n\r\r\n", command, []string{"", "", "\r"}, io.EOF},
		{"odd bytes", "\x00\xff\r\n", command, []string{"\x00\xff"}, io.EOF},
		{"cut off", "NOOP\r\nNO", command, []string{"NOOP"}, io.ErrUnexpectedEOF},
		{"the longest", x(253) + "\r\nNOOP\r\n", command, []string{x(253), "NOOP"}, io.EOF},
		{"one more", x(254) + "\r\nNOOP\r\n", command, []string{"!", "NOOP"}, io.EOF},
		{"much longer", x(100_000) + "\r\nNOOP\r\n" + x(509) + "\n" + x(510) + "\n" + x(511) + "\nQUIT\n", command,
			[]string{"!", "NOOP", "!", "!", "!", "QUIT"}, io.EOF},
		{"too long and cut off", x(1000), command, []string{"!"}, io.ErrUnexpectedEOF},
		{"responses", x(1000) + "\r\n*\r\n", response, []string{x(1000), "*"}, io.EOF},
		{"the longest response", x(12286) + "\r\n" + x(12287) + "\r\n*\r\n", response, []string{x(12286), "!", "*"}, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(tt.in), "bytes": iotest.OneByteReader(strings.NewReader(tt.in)),
				"halves": iotest.HalfReader(strings.NewReader(tt.in)), "with its end": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				got, end := lines(r, tt.read)
				if !slices.Equal(got, tt.want) || !errors.Is(end, tt.end) {
					t.Errorf("%s: got %.60q, %v; want %.60q, %v", name, got, end, tt.want, tt.end)
				}
			}
		})
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	_, end := lines(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("NOOP\r\n"))), (*otelpop3.Reader).ReadLine)
	if !errors.Is(end, iotest.ErrTimeout) {
		t.Errorf("got %v", end)
	}
	_, end = lines(iotest.ErrReader(os.ErrDeadlineExceeded), (*otelpop3.Reader).ReadLine)
	if !errors.Is(end, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", end)
	}
}

func TestReaderTellsWhatWasSentAhead(t *testing.T) {
	r := otelpop3.NewReader(strings.NewReader("STLS\r\nPASS x\r\n"))
	if _, err := r.ReadLine(); err != nil {
		t.Fatal(err)
	}
	if n := r.Buffered(); n != len("PASS x\r\n") {
		t.Errorf("%d bytes", n)
	}
}

// A hundred megabytes without an end are read in the memory of a line.
func TestReaderDoesNotGrow(t *testing.T) {
	r := otelpop3.NewReader(io.LimitReader(endless{}, 100<<20))
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := r.ReadLine(); err == nil {
			t.Error("no error")
		}
		_, _ = r.ReadLine()
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

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("USER bob\r\nPASS x\r\n"), uint8(1))
	f.Add(bytes.Repeat([]byte("x"), 600), uint8(200))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		got, end := lines(&chunks{in: in, size: int(piece) + 1}, (*otelpop3.Reader).ReadLine)
		var want []string
		whole := bytes.SplitAfter(in, []byte{'\n'})
		rest := whole[len(whole)-1]
		for _, line := range whole[:len(whole)-1] {
			if len(line) > otelpop3.MaxCommand {
				want = append(want, "!")
				continue
			}
			want = append(want, strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"))
		}
		// Of a line without an end it depends on the pieces whether it is known to be too long.
		if len(rest) > otelpop3.MaxCommand && len(got) == len(want)+1 {
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
