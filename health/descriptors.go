package health

import (
	"context"
	"fmt"
)

// FreeDescriptors returns a check that fails while the process can open fewer than n file
// descriptors more: a mail server without any accepts no connection and opens no message, and
// recovers by itself when clients leave. So it is one to decide [Readiness], and not
// [Liveness]. n must be positive, and below what the process may have open, ulimit -n; with
// another the check fails at every run and says why.
//
// What is open is asked of /proc/self/fd on Linux, which takes no descriptor (since Linux 6.2;
// before, the list is read), and of /dev/fd on macOS. Elsewhere the check holds: there is no
// limit, or no way to ask.
func FreeDescriptors(n int) func(context.Context) error {
	return func(context.Context) error {
		if n <= 0 {
			return fmt.Errorf("health: free descriptors: %d: must be positive", n)
		}
		open, most, err := descriptors()
		switch {
		case err != nil:
			return fmt.Errorf("health: free descriptors: %w", err)
		case most == 0:
			return nil
		case uint64(n) >= most:
			return fmt.Errorf("health: free descriptors: %d: must be below the limit of the process, which is %d", n, most)
		case open+uint64(n) > most:
			return fmt.Errorf("health: free descriptors: %d of %d are open: at least %d must be free", open, most, n)
		}
		return nil
	}
}
