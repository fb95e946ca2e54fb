package picture

import (
	"fmt"
	"io"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

// Lengths are pixels of the SVG, at the size it says it has.
const (
	columnWidth vg.Length = 48 // of Grafana's 24
	rowHeight   vg.Length = 28 // of Grafana's grid
	gap         vg.Length = 6  // between panels
	inset       vg.Length = 8  // between a panel's border and what is in it
	header      vg.Length = 34 // above the panels
	columns               = 24
	textSize    vg.Length = 11
	titleSize   vg.Length = 12
)

// Ask is how a query is answered, variables and all: what it returns from one time to another,
// or at that time where both are the same.
type Ask func(expr string, from, to time.Time) []peer.Series

// Draw writes the dashboard as SVG, as it looks at the time to, back to from. The error names
// the panel that cannot be drawn, and why.
func (d Dashboard) Draw(w io.Writer, from, to time.Time, ask Ask) error {
	rows := 0
	for _, p := range d.Panels {
		rows = max(rows, p.GridPos.Y+p.GridPos.H)
	}
	width, height := columns*columnWidth+gap, header+vg.Length(rows)*rowHeight+gap
	svg := coarse{vgsvg.NewWith(vgsvg.UseWH(width, height))}
	c := draw.New(svg)
	c.FillPolygon(paper, []vg.Point{c.Min, {X: c.Max.X}, c.Max, {Y: c.Max.Y}})
	d.head(c, from, to)
	for _, p := range d.Panels {
		x, y := gap+vg.Length(p.GridPos.X)*columnWidth, height-header-vg.Length(p.GridPos.Y)*rowHeight
		at := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x, Y: y - vg.Length(p.GridPos.H)*rowHeight + gap},
			Max: vg.Point{X: x + vg.Length(p.GridPos.W)*columnWidth - gap, Y: y},
		}}
		if err := p.draw(at, from, to, ask); err != nil {
			return fmt.Errorf("drawing %q of %q: %w", p.Title, d.Title, err)
		}
	}
	if err := writeSVG(w, svg, d.Title); err != nil {
		return fmt.Errorf("writing the picture of %q: %w", d.Title, err)
	}
	return nil
}

// head writes the title and the time.
func (d Dashboard) head(c draw.Canvas, from, to time.Time) {
	at := vg.Point{X: gap + 2, Y: c.Max.Y - header/2}
	title := style(16, ink, xfont.WeightNormal)
	title.YAlign = draw.YCenter
	c.FillText(title, at, printable(d.Title))
	when := style(textSize, faint, xfont.WeightNormal)
	when.XAlign, when.YAlign = draw.XRight, draw.YCenter
	at.X = c.Max.X - gap - 2
	c.FillText(when, at, from.UTC().Format("2006-01-02 15:04:05")+" to "+to.UTC().Format("15:04:05 MST"))
}

// draw draws a panel, or the heading of a row of them.
func (p Panel) draw(c draw.Canvas, from, to time.Time, ask Ask) error {
	bold := style(titleSize, ink, xfont.WeightBold)
	if p.Type == "row" {
		bold.YAlign = draw.YCenter
		c.FillText(bold, vg.Point{X: c.Min.X + 2, Y: (c.Min.Y + c.Max.Y) / 2}, printable(p.Title))
		return nil
	}
	u, err := unitNamed(p.FieldConfig.Defaults.Unit)
	if err != nil {
		return err
	}
	box(c)
	c = draw.Crop(c, inset, -inset, inset, -inset)
	bold.YAlign = draw.YTop
	for _, line := range wrap(p.Title, bold, c.Max.X-c.Min.X) {
		c.FillText(bold, vg.Point{X: c.Min.X, Y: c.Max.Y}, line)
		c.Max.Y -= titleSize + 2
	}
	c.Max.Y -= 4
	switch p.Type {
	case "timeseries":
		p.graph(c, u, from, to, ask)
	case "stat":
		p.single(c, u, from, to, ask)
	case "table":
		p.list(c, u, to, ask)
	default:
		return fmt.Errorf("its type is %q: want row, stat, table or timeseries", p.Type)
	}
	return nil
}

// empty says that there is nothing to show, as Grafana does.
func (p Panel) empty(c draw.Canvas) {
	says := p.FieldConfig.Defaults.NoValue
	if says == "" {
		says = "no data"
	}
	middle(c, style(titleSize, faint, xfont.WeightNormal), says)
}
