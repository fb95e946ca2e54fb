//go:build !linux

package peer

import "syscall"

// dieWithParent has no equivalent outside Linux: a test binary that is killed there leaves
// its programs behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
