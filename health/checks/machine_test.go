package checks_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rusmes/otelmail/health/checks"
)

func TestDisk(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		if err := run(t, checks.Disk(t.TempDir(), 0)); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want that it cannot be asked", err)
		}
		return
	}
	dir := t.TempDir()
	wantError(t, run(t, checks.Disk(dir, 0)))
	wantError(t, run(t, checks.Disk("", 0.1)), "path is empty")
	wantError(t, run(t, checks.Disk(dir, -0.1)), "-0.1", "from 0 to 1")
	wantError(t, run(t, checks.Disk(dir, 5)), "least share 5", "from 0 to 1")
	missing := run(t, checks.Disk(filepath.Join(dir, "none"), 0))
	wantError(t, missing, "none")
	if !errors.Is(missing, fs.ErrNotExist) {
		t.Errorf("%v is not %v", missing, fs.ErrNotExist)
	}
}

// certificateFile writes a chain whose first certificate ends then.
func certificateFile(t *testing.T, ends ...time.Time) string {
	t.Helper()
	text := []byte("what stands before the first block is no matter\n")
	for _, end := range ends {
		config, _ := certificate(t, end)
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]})...)
	}
	path := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCertificateFile(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	for name, tt := range map[string]struct {
		path     string
		validFor time.Duration
		says     []string
	}{
		"good":                  {certificateFile(t, now.Add(30*day)), 14 * day, nil},
		"a chain with old root": {certificateFile(t, now.Add(30*day), now.Add(-day)), 14 * day, nil},
		"soon":                  {certificateFile(t, now.Add(10*day+time.Hour), now.Add(300*day)), 14 * day, []string{"tls.pem", "10.0 days from now", "at least 14.0 days"}},
		"expired":               {certificateFile(t, now.Add(-day)), 0, []string{"tls.pem", "has expired on " + now.Add(-day).UTC().Format(time.DateOnly)}},
		"empty":                 {certificateFile(t), 0, []string{"no PEM block CERTIFICATE"}},
		"missing":               {filepath.Join(t.TempDir(), "none.pem"), 0, []string{"none.pem"}},
		"a directory":           {t.TempDir(), 0, []string{"not a file"}},
		"no name":               {"", 0, []string{"path is empty"}},
		"negative":              {"tls.pem", -time.Hour, []string{"valid for -1h0m0s", "at least 0"}},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, run(t, checks.CertificateFile(tt.path, tt.validFor)), tt.says...) })
	}
	// A renewal counts without a restart.
	path := certificateFile(t, now.Add(-day))
	c := checks.CertificateFile(path, 14*day)
	wantError(t, run(t, c), "expired")
	if err := os.Rename(certificateFile(t, now.Add(90*day)), path); err != nil {
		t.Fatal(err)
	}
	wantError(t, run(t, c))
}

func TestOldest(t *testing.T) {
	ago := func(d time.Duration) func(context.Context) (time.Time, error) {
		return func(context.Context) (time.Time, error) { return time.Now().Add(-d), nil }
	}
	for name, tt := range map[string]struct {
		oldest func(context.Context) (time.Time, error)
		limit  time.Duration
		says   []string
	}{
		"young":        {ago(time.Minute), time.Hour, nil},
		"old":          {ago(2 * time.Hour), time.Hour, []string{"2h0m0s old", "at most 1h0m0s"}},
		"empty":        {func(context.Context) (time.Time, error) { return time.Time{}, nil }, time.Hour, nil},
		"a clock back": {ago(-time.Hour), time.Minute, nil},
		"not known": {func(context.Context) (time.Time, error) { return time.Time{}, errors.New("locked") }, time.Hour,
			[]string{"ask for the oldest", "locked"}},
		"nil":      {nil, time.Hour, []string{"function is nil"}},
		"no limit": {ago(0), 0, []string{"limit 0s", "positive"}},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, run(t, checks.Oldest(tt.oldest, tt.limit)), tt.says...) })
	}
}
