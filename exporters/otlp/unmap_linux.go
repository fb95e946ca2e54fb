package otlp

import (
	"syscall"

	"go.etcd.io/bbolt"
)

// unmap has the system take the file's pages out of this process's memory. They
// are only a view of the file and come back when they are read, but until then
// they count as memory of the mail server, up to the size of the file. disk is
// held, so that nobody reads.
func (s *store) unmap() {
	_ = s.guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			// All pages in use are mapped, but the file may be longer than
			// the mapping. Advice that is not taken changes nothing.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, s.db.Info().Data, uintptr(tx.Size()), syscall.MADV_DONTNEED) //nolint:gosec // a size
			return nil
		})
	})
}
