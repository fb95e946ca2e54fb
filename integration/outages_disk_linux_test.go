package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// smallDisk is enough for what a demo produces in a few seconds, in bytes.
const smallDisk = 1 << 20

// disk is where a buffer is kept. It is small until it is given more space.
type disk struct {
	name  string
	space func()
}

// A small file system is the real thing, where this process may mount one.
func (s *scene) smallFileSystem() (d disk, mounted bool) {
	mount := func(flags uintptr, bytes int64) error {
		return unix.Mount("tmpfs", s.buffer, "tmpfs", flags, fmt.Sprintf("size=%d,mode=0700", bytes))
	}
	if err := mount(0, smallDisk); err != nil {
		s.Logf("limiting files in place of mounting a file system: %v", err)
		return disk{}, false
	}
	s.Cleanup(func() {
		if err := unix.Unmount(s.buffer, unix.MNT_DETACH); err != nil {
			s.Errorf("unmounting %s: %v", s.buffer, err)
		}
	})
	return disk{"a tmpfs of 1 MiB", func() {
		if err := mount(unix.MS_REMOUNT, 1<<30); err != nil {
			s.Fatalf("making the file system of the buffer larger: %v", err)
		}
	}}, true
}

// Files that may not grow behave like those on a full disk: a write ends in an
// error. That needs no rights on any machine, because only the soft limit is changed.
// Go ignores the signal that comes with it. The mail's own files are far smaller.
func (s *scene) smallFiles() disk {
	var before unix.Rlimit
	process := s.demo.cmd.Process.Pid
	if err := unix.Prlimit(process, unix.RLIMIT_FSIZE, nil, &before); err != nil {
		s.Fatalf("reading the limit of the demo's files: %v", err)
	}
	limit := func(bytes uint64) {
		to := unix.Rlimit{Cur: bytes, Max: before.Max}
		if err := unix.Prlimit(process, unix.RLIMIT_FSIZE, &to, nil); err != nil {
			s.Fatalf("limiting the demo's files to %d bytes: %v", bytes, err)
		}
	}
	limit(smallDisk)
	return disk{"files of 1 MiB at most", func() { limit(before.Cur) }}
}

// filling makes every request large, so that disk and memory are full in
// seconds: it is in the resource, which is in each of them.
func filling() string {
	const longest = 4096 // bytes of a value that are kept
	var all []string
	for n := range 25 {
		all = append(all, fmt.Sprintf("filling.%d=%s", n, strings.Repeat("x", longest)))
	}
	return "OTEL_RESOURCE_ATTRIBUTES=" + strings.Join(all, ",")
}

// The disk is full while the Collector is away: mail goes on, what does not
// fit memory is counted as dropped for the disk, and all the rest arrives. Both ways
// of filling it are tried, and both ends: with gRPC the Collector comes back
// first and takes what it can while the disk is still full, with HTTP the disk has
// space first.
func TestOutageFullDisk(t *testing.T) {
	eachWay(t, "full disk", func(s *scene) {
		grpc := s.protocol == "grpc"
		var small disk
		mounted := false
		if grpc {
			small, mounted = s.smallFileSystem()
		}
		s.start(s.direct(), "OTEL_METRIC_EXPORT_INTERVAL=20", filling())
		if !mounted {
			small = s.smallFiles()
		}
		s.name += ", " + small.name
		s.collector.Stop()
		s.untilDiskDrops()
		s.wait(partOfOutage())
		if grpc {
			s.collector.Restart()
			s.catchUp()
			small.space()
		} else {
			small.space()
			s.collector.Restart()
		}
		s.finish(allowed{repeats: 1, fullDisk: true})
	})
}

// untilDiskDrops returns when spans and log records have been dropped.
func (s *scene) untilDiskDrops() {
	s.Helper()
	before := s.demo.page()[received]
	peer.Eventually(s.T, 2*time.Minute, func() error {
		time.Sleep(200 * time.Millisecond)
		if status, body := s.demo.get("/health"); status != http.StatusOK {
			return fmt.Errorf("/health with a full disk: %d %s", status, body)
		}
		p := s.demo.page()
		if p[droppedOf("traces")] == 0 || p[droppedOf("logs")] == 0 {
			return fmt.Errorf("dropped: %v spans, %v log records; wait: %s", p[droppedOf("traces")], p[droppedOf("logs")], s.demo.backlog())
		}
		if p[received] == before {
			return errors.New("no mail is accepted")
		}
		return nil
	})
}
