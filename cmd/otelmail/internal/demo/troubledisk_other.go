//go:build !linux && !darwin

package demo

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// diskFull is for systems that tell how much is free.
func (d *Demo) diskFull(context.Context) (func() error, error) {
	return nil, fmt.Errorf("fill the disk on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
