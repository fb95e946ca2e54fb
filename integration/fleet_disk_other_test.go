//go:build !linux

package integration

// fillDisk does nothing: only Linux limits the files of another process.
func (f *fellowship) fillDisk(*server) (undo func()) { return func() {} }
