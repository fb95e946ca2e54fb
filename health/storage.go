package health

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
)

// storageFilePattern starts with a dot so that programs which walk a mail directory
// skip the file.
const storageFilePattern = ".otelmail-health-*"

// WriteReadBack returns a check that the directory dir keeps what is written to it:
// it creates a small file of a unique name, writes random bytes, syncs them to the
// device, opens the file again, reads it back, compares, and removes it. So it notices
// a full, read-only, unmounted or hanging file system. The read may be served from the
// operating system's cache: it does not prove that the device can be read.
//
// dir must exist; it should be one the server delivers to. An empty name fails at
// every run. The context is checked between the steps. A single step cannot be
// interrupted and may hang with the device, which the registry then reports as
// [StateTimeout]. The file is removed whatever fails; only a process killed in the
// middle leaves one behind, named .otelmail-health-* and safe to delete.
func WriteReadBack(dir string) func(context.Context) error {
	return func(ctx context.Context) error {
		if dir == "" {
			// os.CreateTemp would use the system's temporary directory instead.
			return errors.New("health: storage: directory name is empty: must name an existing directory")
		}
		if err := writeReadBack(ctx, dir); err != nil {
			return fmt.Errorf("health: storage %q: %w", dir, err)
		}
		return nil
	}
}

func writeReadBack(ctx context.Context, dir string) (err error) {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	file, err := os.CreateTemp(dir, storageFilePattern)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer func() {
		// A file that cannot be removed is a failure too: every run would leave
		// another one.
		if removeErr := os.Remove(file.Name()); removeErr != nil {
			err = errors.Join(err, fmt.Errorf("remove: %w", removeErr))
		}
	}()
	written := []byte(rand.Text())
	if err := writeSync(ctx, file, written); err != nil {
		return err
	}
	return readBack(ctx, file.Name(), written)
}

// writeSync writes, syncs and closes. A close that fails is a lost write on some
// file systems.
func writeSync(ctx context.Context, file *os.File, content []byte) error {
	err := inTurn(ctx,
		step{"write", func() error { _, err := file.Write(content); return err }},
		step{"sync", file.Sync},
	)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close: %w", closeErr)
	}
	return err
}

func readBack(ctx context.Context, name string, written []byte) error {
	return inTurn(ctx, step{"read back", func() error {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		// One byte more than expected, to notice a file that is too long.
		read, err := io.ReadAll(io.LimitReader(file, int64(len(written))+1))
		if err != nil {
			return err
		}
		if !bytes.Equal(read, written) {
			return fmt.Errorf("%d bytes differ from the %d written", len(read), len(written))
		}
		return nil
	}})
}

type step struct {
	name string
	do   func() error
}

// inTurn does the steps until one fails or ctx ends.
func inTurn(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		err := ctx.Err()
		if err == nil {
			err = s.do()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
