package picture

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rusmes/otelmail/integration/internal/peer"
)

var update = flag.Bool("update", false, "write the golden pictures")

var (
	end   = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	begin = end.Add(-2 * time.Minute)
)

// series has a value each half minute, the last at the end.
func series(label, value string, values ...float64) peer.Series {
	s := peer.Series{Labels: map[string]string{label: value}}
	for i, v := range values {
		s.Samples = append(s.Samples, peer.Sample{Value: v, Time: end.Add(time.Duration(i+1-len(values)) * 30 * time.Second)})
	}
	return s
}

func always(answer ...peer.Series) Ask {
	return func(string, time.Time, time.Time) []peer.Series { return answer }
}

// dashboard has one panel, of Grafana's JSON.
func dashboard(t testing.TB, panel string) Dashboard {
	t.Helper()
	var d Dashboard
	if err := json.Unmarshal([]byte(`{"title": "Mail", "panels": [`+panel+`]}`), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func drawn(t testing.TB, d Dashboard, ask Ask) string {
	t.Helper()
	var svg bytes.Buffer
	if err := d.Draw(&svg, begin, end, ask); err != nil {
		t.Fatal(err)
	}
	return svg.String()
}

const (
	graphPanel = `{"type": "timeseries", "title": "Time", "gridPos": {"w": 8, "h": 8}, "targets": [{"expr": "up", "legendFormat": "{{is}}"}],
		"fieldConfig": {"defaults": {"unit": "s", "custom": {"thresholdsStyle": {"mode": "dashed"}}, "thresholds": {"steps": [{"color": "green", "value": null}, {"color": "red", "value": 0.03}]}}}}`
	singlePanel = `{"type": "stat", "title": "Refused since this morning", "gridPos": {"w": 3, "h": 4}, "targets": [{"expr": "up"}],
		"fieldConfig": {"defaults": {"unit": "short", "noValue": "none yet", "thresholds": {"steps": [{"color": "green", "value": null}, {"color": "yellow", "value": 10}, {"color": "red", "value": 1000}]}}}}`
	tablePanel = `{"type": "table", "title": "Senders", "gridPos": {"w": 8, "h": 4}, "targets": [{"expr": "up"}], "fieldConfig": {"defaults": {"unit": "short"}}}`
	rowPanel   = `{"type": "row", "title": "Mail that comes in", "gridPos": {"w": 24, "h": 1}}`
)

func TestGolden(t *testing.T) {
	hiding := strings.Replace(graphPanel, `"fieldConfig": {`, `"fieldConfig": {"overrides": [{"matcher": {"id": "byValue", "options": {"reducer": "allIsZero", "op": "gte", "value": 0}}}], `, 1)
	broken := series("is", "away for a while", 2, 3, 4, 5, 6)
	broken.Samples = slices.Delete(broken.Samples, 2, 3)
	for name, c := range map[string]struct {
		panel string
		ask   Ask
	}{
		"graph":  {graphPanel, always(series("is", "median", 0.01, 0.02, 0.04, 0.02, 0.02), series("is", "95 %", 0.05, math.NaN(), 0.06, 0.05, 0.05))},
		"broken": {graphPanel, always(broken)},
		"zeros":  {hiding, always(series("is", "never", 0, 0, 0), series("is", "now", 0, 0, 1))},
		"single": {singlePanel, always(series("", "", 1, 800, 1234))},
		"table":  {tablePanel, always(series("user", "a", 5), series("user", "b", 6), series("user", "c", 3), series("user", "d", 1))},
		"row":    {rowPanel, nil},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".svg")
			got := drawn(t, dashboard(t, c.panel), c.ask)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; look at it after go test -update has written it. Got:\n%s", file, got)
			}
		})
	}
}

func TestWithoutData(t *testing.T) {
	for _, ask := range []Ask{always(), always(series("is", "nothing"))} {
		for panel, want := range map[string]string{graphPanel: "no data", singlePanel: "none yet", tablePanel: "no data"} {
			if svg := drawn(t, dashboard(t, panel), ask); !strings.Contains(svg, ">"+want+"<") {
				t.Errorf("%s says nothing of %q:\n%s", panel, want, svg)
			}
		}
	}
	if svg := drawn(t, dashboard(t, graphPanel), always(series("is", "NaN", math.NaN(), math.Inf(1)))); !strings.Contains(svg, ">no data<") {
		t.Errorf("no number is data:\n%s", svg)
	}
}

// FuzzDraw: whatever a query returns, the picture is XML, shows what a series is called, and
// each position in it is a number.
func FuzzDraw(f *testing.F) {
	for _, name := range []string{"plain", `<script>alert("&'")</script>`, "]]><!--", "a\x00\x1b[31m\nb", "\xff\xfe", "\u202eabc", strings.Repeat("long ", 100), ""} {
		f.Add(name, 0.0, 1.0)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 1e99, math.SmallestNonzeroFloat64, math.Copysign(0, -1), 1e-13} {
		f.Add("plain", v, 1.0)
		f.Add("plain", v, v)
		f.Add("plain", v, -v)
	}
	f.Fuzz(func(t *testing.T, name string, a, b float64) {
		for _, panel := range []string{graphPanel, singlePanel, tablePanel} {
			svg := drawn(t, dashboard(t, panel), always(series("is", name, a, b, a), series("is", "other", b, b)))
			texts := textsOf(t, svg)
			if shown := []rune(printable(name)); panel != singlePanel && len(shown) > 0 && strings.TrimSpace(name) != "" && drawable(a) {
				if !strings.Contains(strings.Join(texts, "\n"), string(shown[:min(len(shown), 10)])) {
					t.Errorf("%q is not among %q", name, texts)
				}
			}
		}
	})
}

// textsOf is the texts of a picture. It wants XML, of elements that draw only, and numbers in
// what they say of positions.
func textsOf(t *testing.T, svg string) (texts []string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("it is not XML: %v\n%s", err, svg)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch element.Name.Local {
		case "svg", "g", "path":
		case "text":
			var text string
			if err := decoder.DecodeElement(&text, &element); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		default:
			t.Errorf("it has an element %s", element.Name.Local)
		}
		for _, a := range element.Attr {
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("%s has %s=%q", element.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		unit string
		v    float64
		want string
	}{
		{"s", 0, "0 s"}, {"s", 0.0305, "30.5 ms"}, {"s", 2e-6, "2 µs"}, {"s", 1.5, "1.5 s"}, {"s", 90, "1.5 min"}, {"s", 7200, "2 hours"},
		{"s", 3 * 86400, "3 days"}, {"s", 864000, "1.43 weeks"}, {"s", -90, "-1.5 min"}, {"s", 4e-13, "0 ns"},
		{"short", 0, "0"}, {"short", 999, "999"}, {"short", 1234, "1.23 K"}, {"short", 2.5e6, "2.5 Mil"}, {"short", 0.126, "0.13"}, {"short", -0.001, "0"},
		{"percentunit", 0.953, "95.3%"}, {"percentunit", 1, "100%"}, {"percentunit", 0, "0%"},
		{"bytes", 2048, "2 KiB"}, {"bytes", 40 << 20, "40 MiB"}, {"binBps", 1536, "1.5 KiB/s"},
		{"cps", 12.34, "12.3 c/s"}, {"mps", 2500, "2.5K msg/s"}, {"reqps", 3, "3 req/s"},
	} {
		u, err := unitNamed(c.unit)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.text(c.v); got != c.want {
			t.Errorf("%v %s is %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		unit      string
		low, high float64
		want      string
	}{
		{"s", 0, 0.098, "0 s|20 ms|40 ms|60 ms|80 ms"},
		{"bytes", 0, 41 << 20, "0 B|10 MiB|20 MiB|30 MiB|40 MiB"},
		{"percentunit", 0, 1, "0%|20%|40%|60%|80%|100%"},
		{"short", 0, 1, "0|0.2|0.4|0.6|0.8|1.0"},
		{"cps", -3, 2, "-3 c/s|-2 c/s|-1 c/s|0 c/s|1 c/s|2 c/s"},
		{"short", 0, 1e99, "0|20000"},
	} {
		var labels []string
		for _, tick := range units[c.unit].ticks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, "|"); !strings.HasPrefix(got, c.want) || len(labels) > 12 {
			t.Errorf("from %v to %v %s there is %s, want %s", c.low, c.high, c.unit, got, c.want)
		}
	}
}

func TestWhatCannotBeDrawn(t *testing.T) {
	for panel, want := range map[string]string{
		strings.Replace(graphPanel, `"s"`, `"furlong"`, 1):         `drawing "Time" of "Mail": its unit is "furlong": want one of ["binBps"`,
		strings.Replace(graphPanel, `"timeseries"`, `"canvas"`, 1): `drawing "Time" of "Mail": its type is "canvas": want row, stat, table or timeseries`,
	} {
		if err := dashboard(t, panel).Draw(io.Discard, begin, end, always()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
	if _, err := Read("nonesuch.json"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
