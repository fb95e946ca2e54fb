package integration

import "golang.org/x/sys/unix"

// fillDisk lets no file of a server's agent grow any more, which is what a full disk does,
// until it is undone.
func (f *fellowship) fillDisk(s *server) (undo func()) {
	f.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(s.agent.Pid(), unix.RLIMIT_FSIZE, nil, &before); err != nil {
		f.Fatalf("reading the limit of the agent's files: %v", err)
	}
	limit := func(bytes uint64) {
		if err := unix.Prlimit(s.agent.Pid(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: before.Max}, nil); err != nil {
			f.Fatalf("limiting the agent's files to %d bytes: %v", bytes, err)
		}
	}
	limit(1)
	return func() { limit(before.Cur) }
}
