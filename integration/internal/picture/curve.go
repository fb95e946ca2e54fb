package picture

import (
	"image/color"
	"math"
	"regexp"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

var placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// The lines of a graph differ in colour, in dashes and, where their dashes are the same, in
// how dark they are: a reader who sees no colours can tell seven apart.
var (
	colours = []color.Color{
		color.RGBA{0x1f, 0x4e, 0x9e, 0xff}, // blue
		color.RGBA{0xf0, 0x8c, 0x1e, 0xff}, // orange
		color.RGBA{0xb5, 0x26, 0x1e, 0xff}, // red
		color.RGBA{0x4d, 0xb0, 0x86, 0xff}, // green
		color.RGBA{0xa9, 0x8b, 0xd6, 0xff}, // violet
		color.RGBA{0x7a, 0x3b, 0x12, 0xff}, // brown
		color.RGBA{0x4f, 0xa9, 0xde, 0xff}, // sky
	}
	dashes = [][]vg.Length{nil, {6, 2}, {2, 2}, {8, 2, 2, 2}}
)

func lineStyle(i int) draw.LineStyle {
	return draw.LineStyle{Color: colours[i%len(colours)], Width: 1.5, Dashes: dashes[i%len(dashes)]}
}

// curve is a series as it is drawn: in pieces, because it has no value at some times.
type curve struct {
	name   string
	style  draw.LineStyle
	pieces []plotter.XYs
}

// curves asks for the series of a panel, and parts those that the legend names from those
// that are 0 all the time and not named.
func (p Panel) curves(from, to time.Time, ask Ask) (named, zeros []curve) {
	for _, t := range p.Targets {
		for _, s := range ask(t.Expr, from, to) {
			c := curve{name: t.named(s), pieces: pieces(s.Samples)}
			if c.zero() && !p.namesZeros() {
				zeros = append(zeros, c)
			} else {
				named = append(named, c)
			}
		}
	}
	for i := range named {
		named[i].style = lineStyle(i)
	}
	for i := range zeros {
		zeros[i].style = draw.LineStyle{Color: border, Width: 1}
	}
	return named, zeros
}

func (c curve) zero() bool {
	for _, piece := range c.pieces {
		for _, at := range piece {
			if at.Y != 0 {
				return false
			}
		}
	}
	return true
}

// pieces cuts a series where a point is missing or is no number that can be drawn.
func pieces(samples []peer.Sample) []plotter.XYs {
	step := time.Duration(math.MaxInt64)
	for i := 1; i < len(samples); i++ {
		step = min(step, samples[i].Time.Sub(samples[i-1].Time))
	}
	var all []plotter.XYs
	var last time.Time
	for _, p := range samples {
		if !drawable(p.Value) {
			last = time.Time{}
			continue
		}
		if last.IsZero() || p.Time.Sub(last) > step+step/2 {
			all = append(all, nil)
		}
		last = p.Time
		n := len(all) - 1
		all[n] = append(all[n], plotter.XY{X: unix(p.Time), Y: p.Value})
	}
	return all
}

// named is what a legend calls a series: the format with the values of labels put in.
func (t Target) named(s peer.Series) string {
	name := placeholder.ReplaceAllStringFunc(t.LegendFormat, func(braced string) string {
		return s.Labels[strings.Trim(braced, "{} ")]
	})
	if strings.TrimSpace(name) == "" {
		return "{}"
	}
	return printable(name)
}

// drawable reports whether an axis can reach a value: NaN and what is near to infinite it cannot.
func drawable(v float64) bool { return math.Abs(v) < 1e100 }

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// lines are the pieces of a curve; of one point that stands alone, a dash.
func (c curve) lines() []plot.Plotter {
	var all []plot.Plotter
	for _, piece := range c.pieces {
		if len(piece) == 1 {
			piece = plotter.XYs{{X: piece[0].X - 1, Y: piece[0].Y}, {X: piece[0].X + 1, Y: piece[0].Y}}
		}
		all = append(all, &plotter.Line{XYs: piece, LineStyle: c.style})
	}
	return all
}
