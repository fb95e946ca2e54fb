package freeport_test

import (
	"net"
	"testing"

	"github.com/rusmes/otelmail/internal/freeport"
)

// What is given can be listened on, on any address, and is given once.
func TestAddress(t *testing.T) {
	one, other := freeport.Address(t), freeport.Port(t)
	for _, address := range []string{one, ":" + other} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if one == "127.0.0.1:"+other {
		t.Errorf("%s was given twice", one)
	}
}
