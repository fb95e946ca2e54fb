package prometheus

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// page is a scrape's whole answer, made before the first byte is sent: a slow
// reader then holds up nothing except these bytes.
type page struct {
	format expfmt.Format
	gzip   bool
	body   *bytes.Buffer
}

var (
	bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	// Level 1 costs a third of the default's time and makes the page of a mail
	// server a few per cent longer.
	zippers = sync.Pool{New: func() any {
		z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
		return z
	}}
)

// keepBody is the largest buffer that is kept for the next page.
const keepBody = 1 << 20

func (p *page) release() { releaseBody(p.body); p.body = nil }

func releaseBody(b *bytes.Buffer) {
	if b.Cap() <= keepBody {
		b.Reset()
		bodies.Put(b)
	}
}

// newPage encodes the families. A family that cannot be encoded is left out.
func newPage(ctx context.Context, families []*dto.MetricFamily, format expfmt.Format, zip bool) (*page, []problem, error) {
	p := &page{format: format, gzip: zip, body: bodies.Get().(*bytes.Buffer)}
	text := p.body
	if zip {
		text = bodies.Get().(*bytes.Buffer)
		defer releaseBody(text)
	}
	found, err := encode(ctx, text, families, format)
	if err == nil && zip {
		z := zippers.Get().(*gzip.Writer)
		z.Reset(p.body)
		_, err = z.Write(text.Bytes())
		if closeErr := z.Close(); err == nil {
			err = closeErr
		}
		zippers.Put(z)
	}
	if err != nil {
		p.release()
		return nil, found, err
	}
	return p, found, nil
}

func encode(ctx context.Context, out *bytes.Buffer, families []*dto.MetricFamily, format expfmt.Format) ([]problem, error) {
	var found []problem
	enc := expfmt.NewEncoder(out, format)
	checks := newChecker(families, format)
	for _, mf := range families {
		if err := ctx.Err(); err != nil {
			return found, fmt.Errorf("write the page: %w", err)
		}
		mf, wrong := checks.check(mf)
		for _, err := range wrong {
			found = append(found, problem{reasonSeries, err})
		}
		if mf == nil {
			continue
		}
		mark := out.Len()
		if err := encodeFamily(enc, mf); err != nil {
			out.Truncate(mark) // half a family would make the page unreadable
			found = append(found, problem{reasonEncode, fmt.Errorf("%s is left out of an answer in %s: %w", mf.GetName(), string(format), err)})
		}
	}
	if c, ok := enc.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			return found, fmt.Errorf("end the page: %w", err)
		}
	}
	return found, nil
}

func encodeFamily(enc expfmt.Encoder, mf *dto.MetricFamily) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("encoding panicked with a %T", v)
		}
	}()
	if help := mf.GetHelp(); !utf8.ValidString(help) {
		// Prometheus would refuse the whole page. The family may be somebody
		// else's, so it is copied and not changed.
		help = strings.ToValidUTF8(help, "\uFFFD")
		mf = &dto.MetricFamily{Name: mf.Name, Help: &help, Type: mf.Type, Unit: mf.Unit, Metric: mf.Metric}
	}
	return enc.Encode(mf)
}
