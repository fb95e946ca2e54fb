package picture

import (
	"image/color"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// threshold is a colour of Grafana's: one that can be read on white, and in grey too, where
// red is the darkest and yellow the lightest.
func threshold(name string) color.RGBA {
	switch name {
	case "red":
		return color.RGBA{0xad, 0x03, 0x17, 0xff}
	case "yellow":
		return color.RGBA{0xd9, 0xa4, 0x00, 0xff}
	}
	return color.RGBA{0x45, 0x96, 0x3a, 0xff}
}

// colour is that of the highest threshold that a value has reached.
func (p Panel) colour(v float64) color.RGBA {
	name := ""
	for _, s := range p.FieldConfig.Defaults.Thresholds.Steps { // ascending
		if s.Value == nil || v >= *s.Value {
			name = s.Color
		}
	}
	return threshold(name)
}

const largest vg.Length = 26

// single draws the last value, large and in the colour of its threshold, above its course.
func (p Panel) single(c draw.Canvas, u unit, from, to time.Time, ask Ask) {
	all, _ := p.curves(from, to, ask)
	if len(all) == 0 || len(all[0].pieces) == 0 {
		p.empty(c)
		return
	}
	pieces := all[0].pieces
	last := pieces[len(pieces)-1]
	value := last[len(last)-1].Y
	colour := p.colour(value)
	middle := c.Min.Y + (c.Max.Y-c.Min.Y)*2/5
	course(draw.Crop(c, -inset+1, inset-1, -inset+1, middle-c.Max.Y), pieces, colour, from, to)
	c.Min.Y = middle
	p.value(c, u.text(value), colour)
}

// value writes a text as large as fits.
func (p Panel) value(c draw.Canvas, text string, colour color.Color) {
	sty := style(largest, colour, xfont.WeightNormal)
	if width := sty.Width(text); width > c.Max.X-c.Min.X {
		sty.Font.Size *= (c.Max.X - c.Min.X) / width
	}
	middle(c, sty, text)
}

// course draws how a value came to be, without axes.
func course(c draw.Canvas, pieces []plotter.XYs, colour color.RGBA, from, to time.Time) {
	picture := plot.New()
	picture.BackgroundColor = nil
	picture.HideAxes()
	picture.X.Padding, picture.Y.Padding = 0, 0
	for _, piece := range pieces {
		picture.Add(&plotter.Line{
			XYs: piece, LineStyle: draw.LineStyle{Color: colour, Width: 1},
			FillColor: color.NRGBA{colour.R, colour.G, colour.B, 0x28},
		})
	}
	picture.X.Min, picture.X.Max = unix(from), unix(to)
	picture.Y.Min = min(picture.Y.Min, 0)
	picture.Y.Max += max(picture.Y.Max-picture.Y.Min, 1e-12) / 20
	picture.Draw(c)
}
