package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
)

// decodeBatches decodes the OTLP JSON messages in content, all of which start with marker.
// The last one may be incomplete, because the Collector is about to write the rest of it; with
// anyTorn every one may be, because the Collector was killed. Incomplete ones are left out.
//
// Messages are separated by the marker rather than by line, because one torn by a kill has
// no line end and the next follows on the same line. The marker contains quotes, which
// would be escaped in any string inside a message, so it occurs nowhere else.
func decodeBatches[T any](content []byte, marker string, anyTorn bool) ([]T, error) {
	pieces := bytes.Split(content, []byte(marker))
	if first := pieces[0]; len(first) > 0 && !bytes.HasPrefix([]byte(marker), first) {
		return nil, fmt.Errorf("want messages that start with %s, have %.60q", marker, first)
	}
	var batches []T
	for i, piece := range pieces[1:] {
		var batch T
		message := append([]byte(marker), piece...)
		// A decoder stops after the message, where the line end and a torn marker may be left.
		err := json.NewDecoder(bytes.NewReader(message)).Decode(&batch)
		switch last := i == len(pieces)-2; {
		case err == nil:
			batches = append(batches, batch)
		case !last && !anyTorn:
			return nil, fmt.Errorf("message %d of %d: %w: %.200q", i+1, len(pieces)-1, err, message)
		}
	}
	return batches, nil
}

// readBatches decodes what the Collector has written of one signal so far.
func readBatches[T any](c *Collector, signal, marker string) []T {
	c.t.Helper()
	batches, err := decodeBatches[T](c.content(signal, 0), marker, c.killed)
	if err != nil {
		c.t.Fatalf("reading the collector's %s: %v", signal, err)
	}
	return batches
}

// content is what the Collector has written of one signal so far, behind that many bytes.
func (c *Collector) content(signal string, behind int64) []byte {
	c.t.Helper()
	file, err := os.Open(c.file(signal))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer file.Close()
		var content []byte
		if content, err = io.ReadAll(io.NewSectionReader(file, behind, math.MaxInt64-behind)); err == nil {
			return content
		}
	}
	c.t.Fatalf("reading the collector's %s: %v", signal, err)
	return nil
}

// Raw returns every byte the Collector wrote so far of all signals, to look for what must
// not be there.
func (c *Collector) Raw() []byte {
	c.t.Helper()
	var all []byte
	for _, signal := range []string{traces, metrics, logs} {
		all = append(all, c.content(signal, 0)...)
	}
	return all
}
