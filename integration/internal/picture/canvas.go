package picture

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"io"
	"math"
	"sort"
	"strings"
	"unicode"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var (
	paper  = color.RGBA{0xf4, 0xf5, 0xf5, 0xff}
	white  = color.RGBA{0xff, 0xff, 0xff, 0xff}
	border = color.RGBA{0xd5, 0xd7, 0xda, 0xff}
	grid   = color.RGBA{0xe6, 0xe7, 0xe9, 0xff}
	ink    = color.RGBA{0x24, 0x29, 0x2e, 0xff}
	faint  = color.RGBA{0x60, 0x66, 0x6c, 0xff}
)

// coarse is an SVG of few bytes: positions have one decimal, and a point between two others
// of the same height is left out.
type coarse struct{ *vgsvg.Canvas }

func (c coarse) Stroke(p vg.Path) { c.Canvas.Stroke(thin(p)) }
func (c coarse) Fill(p vg.Path)   { c.Canvas.Fill(thin(p)) }

func (c coarse) FillString(f font.Face, at vg.Point, s string) {
	c.Canvas.FillString(f, tenths(at), s)
}

func thin(p vg.Path) vg.Path {
	var out vg.Path
	for _, step := range p {
		step.Pos = tenths(step.Pos)
		n := len(out)
		if n > 1 && step.Type == vg.LineComp && out[n-1].Type == vg.LineComp &&
			out[n-1].Pos.Y == step.Pos.Y && out[n-2].Pos.Y == step.Pos.Y {
			out[n-1] = step
			continue
		}
		out = append(out, step)
	}
	return out
}

func tenths(p vg.Point) vg.Point {
	tenth := func(l vg.Length) vg.Length { return vg.Length(math.Round(float64(l)*10) / 10) }
	return vg.Point{X: tenth(p.X), Y: tenth(p.Y)}
}

// writeSVG writes what was drawn. The fonts are named once and with others that are as wide,
// because no machine has them all, and lengths are pixels.
func writeSVG(w io.Writer, c coarse, title string) error {
	var drawn bytes.Buffer
	if _, err := c.WriteTo(&drawn); err != nil {
		return err
	}
	width, height := c.Size()
	inPoints := fmt.Sprintf(`<svg width="%.5gpt" height="%.5gpt"`, width, height)
	_, err := strings.NewReplacer(
		inPoints, fmt.Sprintf(`<svg role="img" aria-label="%s" font-family="Liberation Sans, Arial, Helvetica, sans-serif" width="%.5g" height="%.5g"`,
			html.EscapeString(printable(title)), width, height),
		"\n\t"+`style="font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;`, ` style="`,
		"\n\t"+`style="font-family:Liberation Sans;font-variant:normal;font-weight:bold;font-style:normal;`, ` style="font-weight:bold;`,
	).WriteString(w, drawn.String())
	return err
}

// printable is a text as XML can hold it and a line can show it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// style is how text looks: its size, and whether it is bold.
func style(size vg.Length, c color.Color, weight xfont.Weight) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size},
		Handler: plot.DefaultTextHandler,
	}
}

// cut is a text that fits into a width.
func cut(s string, sty text.Style, width vg.Length) string {
	s = printable(s)
	if sty.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	n := sort.Search(len(runes), func(n int) bool { return sty.Width(string(runes[:n+1])+"…") > width })
	return string(runes[:n]) + "…"
}

// wrap is a text in lines that fit into a width, but for words that are longer.
func wrap(s string, sty text.Style, width vg.Length) []string {
	var lines []string
	for _, word := range strings.Fields(printable(s)) {
		if n := len(lines); n > 0 && sty.Width(lines[n-1]+" "+word) <= width {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// box fills a rectangle and frames it.
func box(c draw.Canvas) {
	corners := []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}}
	c.FillPolygon(white, corners)
	c.StrokeLines(draw.LineStyle{Color: border, Width: 1}, append(corners, c.Min))
}

// middle writes a text in the middle of c.
func middle(c draw.Canvas, sty text.Style, s string) {
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YCenter
	c.FillText(sty, c.Min.Add(c.Max).Scale(0.5), cut(s, sty, c.Max.X-c.Min.X))
}
