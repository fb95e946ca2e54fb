// Package machine tells what the machine has left: space on a disk, days of a certificate.
package machine

// Free is the share of a file system that may still be used, from 0 to 1.
type Free struct {
	Space, Inodes float64
	NoInodes      bool // their number is not fixed, and Inodes says nothing

	Bytes    uint64 // as Space, but as it is
	InMemory bool   // the files are lost with the power; told on Linux alone
}

// Shares computes what is free of some blocks and inodes as df does: what is reserved for
// root is neither free nor used.
func Shares(blocks, free, available, inodes, inodesFree uint64) Free {
	f := Free{Space: share(available, blocks-free+available), NoInodes: inodes == 0}
	f.Inodes = share(inodesFree, inodes)
	return f
}

// share is 0 of nothing.
func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}
