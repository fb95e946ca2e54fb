package checks

import (
	"context"
	"fmt"
	"time"

	"github.com/rusmes/otelmail/internal/machine"
)

// Disk returns a check that at least the given share, from 0 to 1, of the space and of the
// inodes is free of the file system that path lies on, as df counts. Inodes do not count
// where their number is not fixed. On systems other than Linux and macOS it always fails, with
// [errors.ErrUnsupported].
//
// It asks the file system, which may hang with a network: health.Timeout then applies.
func Disk(path string, least float64) func(context.Context) error {
	return func(context.Context) error {
		if path == "" {
			return fmt.Errorf("health: disk: path is empty: must be a path on the disk")
		}
		if !(least >= 0 && least <= 1) {
			return fmt.Errorf("health: disk %q: least share %v: must be from 0 to 1", path, least)
		}
		free, err := machine.Disk(path)
		if err != nil {
			return fmt.Errorf("health: disk: %w", err)
		}
		return enough(path, free, least)
	}
}

func enough(path string, free machine.Free, least float64) error {
	if free.Space < least {
		return fmt.Errorf("health: disk %q: %s of the space is free: must be at least %s", path, percent(free.Space), percent(least))
	}
	if !free.NoInodes && free.Inodes < least {
		return fmt.Errorf("health: disk %q: %s of the inodes are free: must be at least %s", path, percent(free.Inodes), percent(least))
	}
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// CertificateFile returns a check that the first certificate of a PEM file is valid for at
// least the given time from now, at least 0. The file is read at each run, so that a renewal
// counts. What a listener presents is asked by [ImplicitTLS] and [StartTLS].
func CertificateFile(path string, validFor time.Duration) func(context.Context) error {
	return func(context.Context) error {
		if path == "" {
			return fmt.Errorf("health: certificate: path is empty: must name a PEM file")
		}
		if validFor < 0 {
			return fmt.Errorf("health: certificate %q: valid for %v: must be at least 0", path, validFor)
		}
		end, err := machine.CertificateEnd(path)
		if err == nil {
			err = lasts(end, validFor)
		}
		if err != nil {
			return fmt.Errorf("health: certificate %q: %w", path, err)
		}
		return nil
	}
}

// lasts says whether a certificate is valid for long enough.
func lasts(end time.Time, validFor time.Duration) error {
	left := time.Until(end)
	if left <= 0 {
		return fmt.Errorf("it has expired on %s", end.UTC().Format(time.DateOnly))
	}
	if left < validFor {
		return fmt.Errorf("it expires on %s, %s from now: must be valid for at least %s more", end.UTC().Format(time.DateOnly), days(left), days(validFor))
	}
	return nil
}

func days(d time.Duration) string { return fmt.Sprintf("%.1f days", d.Hours()/24) }
