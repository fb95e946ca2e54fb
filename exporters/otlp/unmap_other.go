//go:build !linux

package otlp

// unmap does nothing here; see unmap_linux.go.
func (s *store) unmap() {}
