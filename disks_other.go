//go:build !linux && !darwin

package otelmail

import (
	"errors"
	"fmt"
	"runtime"
)

var errNoStatfs = fmt.Errorf("how much of a disk is free cannot be asked on %s: %w", runtime.GOOS, errors.ErrUnsupported)

func statfs(string) (disk, error) { return disk{}, errNoStatfs }
