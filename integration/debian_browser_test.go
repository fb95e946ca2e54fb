//go:build debian

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium without a window, and what it has asked and complained of.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	asked      []string // URLs
	complaints []string // errors of scripts, and what a policy has forbidden
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	// The last ones keep it from talking to others by itself.
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience))
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(allocated)
	t.Cleanup(leave)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *cdpruntime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns what a script comes to.
func evaluate[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", script, err)
	}
	return v
}

// text is what an element shows, "" where there is none.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return evaluate[string](b, `(document.querySelector(`+quoted(selector)+`) || {}).innerText || ""`)
}

// is evaluates a condition.
func (b *browser) is(condition string) bool {
	b.t.Helper()
	return evaluate[bool](b, `Boolean(`+condition+`)`)
}

func quoted(s string) string { return "`" + strings.ReplaceAll(s, "`", "\\`") + "`" }

// wantQuiet wants no request to anybody but base, and no complaint.
func (b *browser) wantQuiet(base string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.asked {
		if !strings.HasPrefix(url, base) {
			b.t.Errorf("it has asked %s", url)
		}
	}
	if len(b.asked) == 0 || len(b.complaints) > 0 {
		b.t.Errorf("after %d requests it complains: %q", len(b.asked), b.complaints)
	}
}

// dress gives the page another width and colour scheme.
func (b *browser) dress(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}), chromedp.Sleep(time.Second)) // for the plots to be drawn anew
}

// shoot takes a picture of the whole page for each width and colour scheme, and wants nothing
// of it beyond the window. docs/live.md says how to keep the pictures.
func (b *browser) shoot(name string) {
	b.t.Helper()
	for _, width := range []int64{390, 1440} {
		for _, scheme := range []string{"light", "dark"} {
			b.dress(width, scheme)
			picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			file := filepath.Join(b.t.ArtifactDir(), fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
			if err = errors.Join(err, os.WriteFile(file, picture, 0o600)); err != nil {
				b.t.Fatal(err)
			}
			if wide := evaluate[int64](b, `document.documentElement.scrollWidth`); wide > width {
				b.t.Errorf("%s: the page is %d pixels wide in a window of %d", name, wide, width)
			}
		}
	}
}

// axe has axe-core, of the npm registry, look for what a screen reader or a keyboard would
// stumble over.
func (b *browser) axe() {
	b.t.Helper()
	dir := b.t.TempDir()
	pack := exec.Command("npm", "pack", "--silent", "axe-core@4.14.1")
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		b.t.Logf("axe-core is not here, nothing was checked: %v %s", err, out)
		return
	}
	if out, err := exec.Command("tar", "-xzf", filepath.Join(dir, "axe-core-4.14.1.tgz"), "-C", dir, "package/axe.min.js").CombinedOutput(); err != nil {
		b.t.Fatalf("%v %s", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "package", "axe.min.js"))
	if err != nil {
		b.t.Fatal(err)
	}
	type violation struct {
		ID     string `json:"id"`
		Impact string `json:"impact"`
		Help   string `json:"help"`
		Nodes  []struct {
			HTML           string `json:"html"`
			FailureSummary string `json:"failureSummary"`
		} `json:"nodes"`
	}
	evaluate[bool](b, string(script)+`; true`)
	for _, width := range []int64{390, 1440} {
		for _, scheme := range []string{"light", "dark"} {
			b.dress(width, scheme)
			for _, v := range evaluate[[]violation](b, `axe.run().then(r => r.violations)`) {
				for _, n := range v.Nodes {
					b.t.Errorf("%d, %s: %s (%s): %s: %.200s: %s", width, scheme, v.ID, v.Impact, v.Help, n.HTML, n.FailureSummary)
				}
			}
		}
	}
}
