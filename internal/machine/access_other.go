//go:build !linux && !darwin

package machine

import "os"

// Writable returns an error where there is no such file. Who may write it this system does
// not tell.
func Writable(path string) error {
	_, err := os.Stat(path)
	return err
}
