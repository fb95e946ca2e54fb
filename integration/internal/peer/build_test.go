package peer_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

func TestBuild(t *testing.T) {
	for _, name := range peer.Names() {
		path, err := peer.Build(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 {
			t.Errorf("%s is not executable: mode %v", path, info.Mode())
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		again, err := peer.Build(over, name) // with no time left to build anything
		if err != nil || again != path {
			t.Errorf("building %s again: %q, %v, want %q at once", name, again, err, path)
		}
	}
}

func TestBuildUnknown(t *testing.T) {
	path, err := peer.Build(t.Context(), "jaeger")
	if err == nil || path != "" {
		t.Fatalf("got %q, %v, want an error", path, err)
	}
	for _, want := range append(peer.Names(), `"jaeger"`) {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not name %s", err, want)
		}
	}
}
