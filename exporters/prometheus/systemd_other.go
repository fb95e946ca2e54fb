//go:build !linux

package prometheus

import (
	"errors"
	"net"
)

func listenSystemd(string) (net.Listener, error) {
	return nil, errors.New("there is no systemd on this system: want host:port or unix:/path")
}
