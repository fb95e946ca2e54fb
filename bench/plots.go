package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// picture is one plot. Its horizontal axis is logarithmic, and so is the
// vertical one where the values span decades; else the vertical one begins at 0.
type picture struct {
	file, title, x, y string
	decades           bool
	lines             []line
}

type line struct {
	name   string
	points plotter.XYs
}

// pictures are the plots of the page.
func (g Growth) pictures() []picture {
	exposed := func(y func(Exposed) float64) []line {
		return []line{{"otelmail", points(g.Ours, y)}, {"client_golang", points(g.Theirs, y)}}
	}
	sizes := []line{
		{"plain", points(g.Ours, func(e Exposed) float64 { return float64(e.PageSize) / 1024 })},
		{"gzip", points(g.Ours, func(e Exposed) float64 { return float64(e.Zipped) / 1024 })},
	}
	return []picture{
		{"scrape-time.svg", "Time of a scrape (gzip)", "domain series", "ms", true,
			exposed(func(e Exposed) float64 { return float64(e.Scrape) / 1e6 })},
		{"page-size.svg", "Size of the page", "domain series", "KiB", true, sizes},
		{"memory.svg", "Memory of the series, after a scrape", "domain series", "MiB", true,
			exposed(func(e Exposed) float64 { return float64(e.Base+e.Heap) / (1 << 20) })},
		{"throughput.svg", "Messages accepted, discarding server", "sessions", "messages / s", false, g.throughput()},
	}
}

func points(all []Exposed, y func(Exposed) float64) plotter.XYs {
	out := make(plotter.XYs, len(all))
	for i, e := range all {
		out[i] = plotter.XY{X: float64(e.Domains), Y: y(e)}
	}
	return out
}

// throughput has a line for each server and GOMAXPROCS, in the order measured.
func (g Growth) throughput() []line {
	var lines []line
	for _, r := range g.Rates {
		name := fmt.Sprintf("unwrapped, GOMAXPROCS=%d", r.Procs)
		if r.Mode != Unwrapped {
			name = fmt.Sprintf("otelmail, GOMAXPROCS=%d", r.Procs)
		}
		at := -1
		for i := range lines {
			if lines[i].name == name {
				at = i
			}
		}
		if at < 0 {
			at = len(lines)
			lines = append(lines, line{name: name})
		}
		lines[at].points = append(lines[at].points, plotter.XY{X: float64(r.Sessions), Y: r.Rate})
	}
	return lines
}

// draw writes the pictures into a folder.
func (g Growth) draw(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("draw the plots: %w", err)
	}
	for _, p := range g.pictures() {
		if err := p.draw(dir); err != nil {
			return fmt.Errorf("draw %s: %w", p.file, err)
		}
	}
	return nil
}

// decade returns the power of ten beside v.
func decade(v float64, round func(float64) float64) float64 {
	return math.Pow(10, round(math.Log10(v)))
}

func (pic picture) draw(dir string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = pic.title, pic.x, pic.y
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Add(plotter.NewGrid())
	for i, l := range pic.lines {
		path, marks, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return err
		}
		path.Color, path.Width = plotutil.Color(i), vg.Points(1.5)
		path.Dashes = plotutil.Dashes(i % 2)
		marks.Color, marks.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(path, marks)
		p.Legend.Add(l.name, path, marks)
	}
	if pic.decades {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.Y.Min, p.Y.Max = decade(p.Y.Min, math.Floor), decade(p.Y.Max, math.Ceil)
		p.Legend.Top, p.Legend.Left = true, true // lines rise to the right
	} else {
		p.Y.Min = 0 // half as high is half as much; the legend fits below the lines
	}
	return p.Save(6.4*vg.Inch, 4*vg.Inch, filepath.Join(dir, pic.file))
}
