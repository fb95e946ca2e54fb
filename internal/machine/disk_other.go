//go:build !linux && !darwin

package machine

import (
	"errors"
	"fmt"
	"runtime"
)

// ErrNoDisks is why this system does not tell what is free; nil where it does.
var ErrNoDisks = fmt.Errorf("how much of a disk is free cannot be asked on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Disk returns ErrNoDisks.
func Disk(string) (Free, error) { return Free{}, ErrNoDisks }
