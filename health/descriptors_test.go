//go:build linux || darwin

package health_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rusmes/otelmail/health"
)

func TestFreeDescriptors(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const taken = 64
	if limit.Cur < 4*taken {
		t.Skipf("only %d descriptors are allowed", limit.Cur)
	}
	free := int(limit.Cur) - taken
	for _, c := range []struct {
		free int
		want string // "" is healthy
	}{
		{0, "0: must be positive"},
		{-1, "-1: must be positive"},
		{1, ""},
		{free, ""},
		{int(limit.Cur), fmt.Sprintf("must be below the limit of the process, which is %d", limit.Cur)},
	} {
		wantError(t, health.FreeDescriptors(c.free)(t.Context()), c.want)
	}

	for range taken {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	wantError(t, health.FreeDescriptors(free)(t.Context()), fmt.Sprintf("of %d are open: at least %d must be free", limit.Cur, free))
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%v, want %q", err, want)
	}
}
