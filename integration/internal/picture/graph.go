package picture

import (
	"slices"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// graph draws lines over time.
func (p Panel) graph(c draw.Canvas, u unit, from, to time.Time, ask Ask) {
	named, zeros := p.curves(from, to, ask)
	all := slices.Concat(zeros, named)
	low, high := 0.0, 0.0
	some := false
	for _, l := range all {
		for _, piece := range l.pieces {
			for _, at := range piece {
				low, high, some = min(low, at.Y), max(high, at.Y), true
			}
		}
	}
	if !some {
		p.empty(c)
		return
	}
	if high-low < 1e-12 {
		high = low + 1
	}
	c.Min.Y += legend(c, named)
	picture := plot.New()
	picture.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&picture.X, &picture.Y} {
		axis.Padding, axis.Width, axis.Tick.Length = 0, 0, 0
		axis.Tick.Label.Font, axis.Tick.Label.Color = style(textSize-1, faint, xfont.WeightNormal).Font, faint
	}
	picture.X.Padding = 3 // a line at 0 does not cross the times
	picture.X.Tick.Marker, picture.Y.Tick.Marker = plot.ConstantTicks(timeTicks(from, to)), plot.ConstantTicks(u.ticks(low, high))
	lines := plotter.NewGrid()
	lines.Horizontal = draw.LineStyle{Color: grid, Width: 1}
	lines.Vertical = lines.Horizontal
	picture.Add(lines)
	if p.FieldConfig.Defaults.Custom.ThresholdsStyle.Mode != "" {
		picture.Add(p.thresholdLines(from, to, low, high)...)
	}
	for _, l := range all {
		picture.Add(l.lines()...)
	}
	picture.X.Min, picture.X.Max, picture.Y.Min, picture.Y.Max = unix(from), unix(to), low, high+(high-low)/20
	picture.Draw(c)
}

// thresholdLines are the limits that lie within the graph, in their colours.
func (p Panel) thresholdLines(from, to time.Time, low, high float64) []plot.Plotter {
	var all []plot.Plotter
	for _, s := range p.FieldConfig.Defaults.Thresholds.Steps {
		if s.Value != nil && low <= *s.Value && *s.Value <= high {
			all = append(all, &plotter.Line{
				XYs:       plotter.XYs{{X: unix(from), Y: *s.Value}, {X: unix(to), Y: *s.Value}},
				LineStyle: draw.LineStyle{Color: threshold(s.Color), Width: 1, Dashes: []vg.Length{10, 6}},
			})
		}
	}
	return all
}
