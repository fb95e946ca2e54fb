//go:build !linux

package integration

import "testing"

// ownDisk is a directory on the disk of everybody.
func ownDisk(t *testing.T, _ int) (dir string, small bool) {
	t.Helper()
	return t.TempDir(), false
}
