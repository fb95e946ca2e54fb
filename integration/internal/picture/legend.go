package picture

import (
	"fmt"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	legendLine   vg.Length = 14
	legendSample vg.Length = 18 // of the line
	legendGap    vg.Length = 10 // between two entries
	mostLegend             = 5  // lines
)

// legend writes below a graph which line is which, and returns the height that this takes.
func legend(c draw.Canvas, all []curve) vg.Length {
	if len(all) == 0 {
		return 0
	}
	sty := style(textSize-1, ink, xfont.WeightNormal)
	type entry struct {
		x    vg.Length
		line int
		name string
	}
	var entries []entry
	x, line := c.Min.X, 0
	for _, l := range all {
		name := cut(l.name, sty, c.Max.X-c.Min.X-legendSample-4)
		width := legendSample + 4 + sty.Width(name)
		if x > c.Min.X && x+width > c.Max.X {
			if x, line = c.Min.X, line+1; line == mostLegend {
				line--
				break
			}
		}
		entries = append(entries, entry{x, line, name})
		x += width + legendGap
	}
	height := vg.Length(line+1) * legendLine
	for i, e := range entries {
		y := c.Min.Y + height - vg.Length(e.line+1)*legendLine
		if rest := len(all) - i; i == len(entries)-1 && rest > 1 {
			c.FillText(sty, vg.Point{X: e.x, Y: y}, fmt.Sprintf("and %d more", rest))
			break
		}
		c.StrokeLine2(all[i].style, e.x, y+4, e.x+legendSample, y+4)
		c.FillText(sty, vg.Point{X: e.x + legendSample + 4, Y: y}, e.name)
	}
	return height + 4
}
