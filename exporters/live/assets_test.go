package live

import (
	"crypto/sha512"
	"encoding/base64"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func asset(t *testing.T, name string) string {
	t.Helper()
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The files of others are those that they have published: of the npm package uplot, version
// 1.6.32, dist/. To take a new version, see docs/live.md.
func TestFilesOfOthers(t *testing.T) {
	for name, want := range map[string]string{
		"uPlot.iife.min.js": "Gx3t0zdBAuQOuvvmaLZj7HKEiSgWTAs+VdtNY7wt19QDPTDQjFIwAuXDj0zeN00c",
		"uPlot.min.css":     "IfV0B7MIOYuO95kO9G5ySKPz/85zqFNOAs8iy4tkK5zd9izhJAB8b7lHrwYqqmYE",
		"uPlot.LICENSE":     "LBMwZlHtMnim4BBA9gOI4OOPUI5cNjaxzIZCJRYYEyIykienqB4X7/vxq0t1Ihgd",
	} {
		sum := sha512.Sum384([]byte(asset(t, name)))
		if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: sha384 %s, want %s", name, got, want)
		}
	}
	if head := asset(t, "uPlot.iife.min.js")[:60]; !strings.Contains(head, "(v1.6.32)") || !strings.Contains(asset(t, "index.html"), "uPlot 1.6.32") {
		t.Errorf("another version: %s", head)
	}
}

// The page is small, asks nobody else for anything, and has nothing that its policy forbids.
func TestThePageAsItIsWritten(t *testing.T) {
	size := 0
	err := fs.WalkDir(assets, "assets", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += int(info.Size())
		return err
	})
	if err != nil || size > 120_000 {
		t.Errorf("it has %d bytes, want at most 120,000: %v", size, err)
	}
	for name, never := range map[string]string{
		"index.html": `https?:|//|style=|\son[a-z]+=|<script>|<style|javascript:`,
		"page.css":   `https?:|@import|url\(`,
		"page.js":    `https?:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\("(style|on)|localStorage|sessionStorage|cookie`,
	} {
		if found := regexp.MustCompile(never).FindString(regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(asset(t, name), "")); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
	if lines := strings.Count(asset(t, "page.js"), "\n"); lines > 700 {
		t.Errorf("the script has %d lines", lines)
	}
	// Whatever the script looks for by its id is there.
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`id="([^"]+)"`).FindAllStringSubmatch(asset(t, "index.html"), -1) {
		if ids[id[1]] {
			t.Errorf("two have the id %s", id[1])
		}
		ids[id[1]] = true
	}
	for _, id := range regexp.MustCompile(`\$\("([^"]+)"\)`).FindAllStringSubmatch(asset(t, "page.js"), -1) {
		if !ids[id[1]] {
			t.Errorf("nothing has the id %s", id[1])
		}
	}
}
