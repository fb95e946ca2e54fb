//go:build pictures

package integration

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

var (
	picturesIn = flag.String("pictures", filepath.Join("..", "docs", "pictures"), "the folder that pictures are written to")
	shown      = flag.Duration("shown", 6*time.Minute, "the time that a picture shows")
)

func init() { findRaces = false } // what is drawn is as fast as it is

// pictureStep is between two points of a line: coarse, so that the pictures are small.
const pictureStep = 10 * time.Second

// troubles begin and end after so many twelfths of the time shown: most end before the picture
// does, so that one sees that too. The names are those of the demo's switch, but for the
// collector, which is stopped.
var troubles = []struct {
	name       string
	begin, end int
}{
	{"bounces", 2, 5}, {"passwords", 2, 9}, {"stolen", 2, 7}, {"panics", 3, 6}, {"tls", 3, 7}, {"outbound", 3, 7},
	{"collector", 4, 10}, {"certificate", 5, 12}, {"blocklist", 5, 12}, {"queue", 7, 9}, {"disk", 7, 10},
	{"logins", 10, 12}, {"storage", 10, 12},
}

// TestPictures draws each dashboard twice, of what a real Prometheus has scraped from the demo:
// while all is well, and then with trouble.
func TestPictures(t *testing.T) {
	collector := peer.StartCollector(t)
	spool, small := ownDisk(t, 256)
	d := startDemo(t, launch{
		rate: 10, flags: []string{"--duration", "1h", "--trouble", "127.0.0.1:0", "--spool", filepath.Join(spool, "spool")},
		env: append(pushTo(collector, "http/protobuf"), "OTEL_BSP_MAX_QUEUE_SIZE=2048"),
	})
	keepOpen(t, d)
	prometheus := peer.StartPrometheusWith(t, peer.WithTargets(d.web),
		peer.WithScrapeSettings("scrape_interval: 3s\nscrape_timeout: 3s\n"+ // a busy machine may take a second for anything
			"relabel_configs: [{target_label: instance, replacement: mail.example.org}]"))
	prometheus.WaitUp(patience)
	time.Sleep(time.Minute) // until rates are those of a server that runs
	time.Sleep(*shown)
	drawDashboards(t, prometheus, "calm")
	time.Sleep(3 * pictureStep) // drawing has kept the machine busy
	begun := time.Now()
	for twelfth := 1; twelfth <= 12; twelfth++ {
		time.Sleep(time.Until(begun.Add(time.Duration(twelfth) * *shown / 12)))
		if twelfth == 12 {
			drawDashboards(t, prometheus, "trouble")
		}
		for _, trouble := range troubles {
			if trouble.name == "disk" && !small {
				continue
			}
			if trouble.begin == twelfth {
				makeTrouble(t, d, collector, trouble.name, true)
			}
			if trouble.end == twelfth {
				makeTrouble(t, d, collector, trouble.name, false)
			}
		}
	}
	prometheus.Stop()
	d.stop()
}

// makeTrouble begins or ends a trouble.
func makeTrouble(t *testing.T, d *demo, collector *peer.Collector, name string, on bool) {
	t.Helper()
	method := http.MethodDelete
	if on {
		method = http.MethodPut
	}
	switch {
	case name == "collector" && on:
		collector.Stop()
		return
	case name == "collector":
		collector.Restart()
		return
	}
	d.trouble(method, name)
}

// drawDashboards draws them as they look now.
func drawDashboards(t *testing.T, prometheus *peer.Prometheus, how string) {
	t.Helper()
	now := time.Now().Truncate(pictureStep)
	if err := os.MkdirAll(*picturesIn, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dash := range readDashboards(t, filepath.Join("..", "dashboards")) {
		filled := fillVariables(t, prometheus, dash, "15s")
		file, err := os.Create(filepath.Join(*picturesIn, fmt.Sprintf("%s-%s.svg", dash.Name, how)))
		if err != nil {
			t.Fatal(err)
		}
		err = dash.Draw(file, now.Add(-*shown), now, func(expr string, from, to time.Time) []peer.Series {
			return prometheus.QueryRange(filled.Replace(expr), from, to, pictureStep)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
