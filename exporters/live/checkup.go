package live

import (
	"cmp"
	"context"
	"net/http"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/internal/checkup"
)

// Check implements [export.Checker].
func (s servedPage) Check(ctx context.Context, p export.Pipeline) []export.Finding {
	p.OfferPage(export.Page{Name: pageName, Handler: func([]string) (http.Handler, error) { return http.NotFoundHandler(), nil }})
	return checkOptions(ctx, s.opts)
}

// Check implements [export.Checker].
func (h *Handler) Check(ctx context.Context, _ export.Pipeline) []export.Finding {
	return checkOptions(ctx, h.opts)
}

func checkOptions(ctx context.Context, opts []Option) []export.Finding {
	c, err := newConfig(opts)
	if err != nil {
		return checkup.Lines(export.Wrong, wrapped(err))
	}
	if c.dir == "" {
		return nil
	}
	return checkup.Directory{Setting: "live.Keep", Path: c.dir, File: life.FileName, Room: cmp.Or(c.maxBytes, life.DefaultDiskMaxBytes), Wants: "the path of a directory"}.Check(ctx)
}
