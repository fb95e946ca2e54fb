package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// socketMode lets the process's user and group connect. A directory with the setgid bit makes
// that another group.
const socketMode = 0o660

// unixSocket is a listener that takes its file with it.
type unixSocket struct {
	*net.UnixListener
	file   os.FileInfo
	remove sync.Once
}

// Close removes the file, unless another process has put its own in the place.
func (s *unixSocket) Close() error {
	s.remove.Do(func() {
		path := s.Addr().String()
		if now, err := os.Lstat(path); err == nil && os.SameFile(now, s.file) {
			_ = os.Remove(path)
		}
	})
	return s.UnixListener.Close()
}

// listenUnix makes a socket. One that a process has left behind makes room for it.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	l, err := makeSocket(ctx, path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	file, wrong := os.Lstat(path)
	if wrong != nil {
		return nil, wrong
	}
	if file.Mode().Type() != os.ModeSocket {
		return nil, errors.New("a file is there that is no socket: remove it or choose another path")
	}
	c, refused := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if refused == nil {
		_ = c.Close()
	}
	if !errors.Is(refused, syscall.ECONNREFUSED) {
		return nil, err // somebody listens, or may
	}
	// Somebody else may have begun to listen in the meantime.
	if now, wrong := os.Lstat(path); wrong == nil && os.SameFile(now, file) {
		if wrong := os.Remove(path); wrong != nil {
			return nil, fmt.Errorf("remove what a process has left there: %w", wrong)
		}
	}
	return makeSocket(ctx, path)
}

func makeSocket(ctx context.Context, path string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	socket := &unixSocket{UnixListener: l.(*net.UnixListener)}
	socket.SetUnlinkOnClose(false)
	if err = os.Chmod(path, socketMode); err == nil {
		socket.file, err = os.Lstat(path)
	}
	if err != nil {
		_ = os.Remove(path)
		_ = socket.UnixListener.Close()
		return nil, err
	}
	return socket, nil
}

func unixAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": stop what listens there or choose another path"
	case errors.Is(err, syscall.ENOENT):
		return ": make the directory first, for example with RuntimeDirectory= of systemd"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EPERM):
		return ": choose a directory in which the process may make and remove files"
	case errors.Is(err, syscall.EINVAL):
		return ": choose a shorter path, the system allows about a hundred bytes"
	}
	return ""
}
