package picture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

const listLine vg.Length = 18

// list draws a table of the values at the end, the largest first, with a column for each label.
func (p Panel) list(c draw.Canvas, u unit, to time.Time, ask Ask) {
	header, rows := table(u, p.Targets, to, ask)
	if len(rows) == 0 {
		p.empty(c)
		return
	}
	plain := style(textSize, ink, xfont.WeightNormal)
	width := (c.Max.X - c.Min.X) / vg.Length(len(header))
	write := func(line int, cells []string) {
		y := c.Max.Y - vg.Length(line+1)*listLine + 6
		for i, text := range cells {
			c.FillText(plain, vg.Point{X: c.Min.X + vg.Length(i)*width, Y: y}, cut(text, plain, width-inset))
		}
		c.StrokeLine2(draw.LineStyle{Color: grid, Width: 1}, c.Min.X, y-6, c.Max.X, y-6)
	}
	fit := max(2, int((c.Max.Y-c.Min.Y)/listLine)-1)
	if len(rows) > fit {
		rows = append(rows[:fit-1:fit-1], []string{fmt.Sprintf("and %d more", len(rows)-fit+1)})
	}
	plain.Color = faint
	write(0, header)
	plain.Color = ink
	for i, row := range rows {
		write(i+1, row)
	}
}

// table is the labels that any series has, and a row for each.
func table(u unit, targets []Target, to time.Time, ask Ask) (header []string, rows [][]string) {
	var all []peer.Series
	labels := map[string]bool{}
	for _, t := range targets {
		for _, s := range ask(t.Expr, to, to) {
			if len(s.Samples) == 0 {
				continue
			}
			all = append(all, s)
			for name := range s.Labels {
				labels[name] = true
			}
		}
	}
	header = slices.Sorted(maps.Keys(labels))
	slices.SortStableFunc(all, func(a, b peer.Series) int { return cmp.Compare(last(b), last(a)) })
	for _, s := range all {
		var row []string
		for _, name := range header {
			row = append(row, s.Labels[name])
		}
		rows = append(rows, append(row, u.text(last(s))))
	}
	return append(header, "Value"), rows
}

// last is the value at the end.
func last(s peer.Series) float64 { return s.Samples[len(s.Samples)-1].Value }
