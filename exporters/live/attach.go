package live

import (
	"context"
	"errors"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/live/internal/life"
	"github.com/rusmes/otelmail/internal/settings"
)

// attached is what feeds the page of a Telemetry that otelmail.New has made.
type attached struct {
	events sdklog.Processor
	store  *life.Store
	loop   *loop
}

// Attach feeds the page from a Telemetry that otelmail.New has made, on providers of the
// application's own: reader is one of [otelmail.NewReader] that its MeterProvider has, with the
// Views, and its LoggerProvider has the [Handler.Processor]. The page ends with the latter's
// Shutdown. An error names the wrong option, its value and what is allowed, or what is missing.
func (h *Handler) Attach(ctx context.Context, tel *otelmail.Telemetry, reader *otelmail.Reader) error {
	return wrapped(h.attach(ctx, tel, reader))
}

func (h *Handler) attach(ctx context.Context, tel *otelmail.Telemetry, reader *otelmail.Reader) error {
	c, err := newConfig(h.opts)
	if tel == nil {
		err = errors.Join(err, settings.Invalid("tel", "nil", "a Telemetry of otelmail.New"))
	}
	if reader == nil {
		err = errors.Join(err, settings.Invalid("reader", "nil", "one of otelmail.NewReader that the MeterProvider has"))
	}
	if err != nil {
		return err
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &rm); err != nil {
		return fmt.Errorf("read the series: %w", err)
	}
	store, l, err := h.begin(c, nil, source{reader, tel.Health, tel.Forms, tel.Sessions(), reader.HandleError, rm.Resource})
	if err != nil {
		return err
	}
	if err := l.start(ctx); err != nil {
		return errors.Join(err, store.Close(ctx))
	}
	h.attached.Store(&attached{store.Processor(), store, l})
	return nil
}

// Processor takes the mail events of the application's LoggerProvider to the page, from
// [Handler.Attach] on, and asks for no other log record. It is not needed with otelmail.Start.
func (h *Handler) Processor() sdklog.Processor { return processor{h} }

type processor struct{ *Handler }

// Enabled implements [sdklog.Processor].
func (p processor) Enabled(ctx context.Context, param sdklog.EnabledParameters) bool {
	a := p.attached.Load()
	return a != nil && a.events.Enabled(ctx, param)
}

// OnEmit implements [sdklog.Processor].
func (p processor) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if a := p.attached.Load(); a != nil {
		return a.events.OnEmit(ctx, r)
	}
	return nil
}

// ForceFlush implements [sdklog.Processor].
func (p processor) ForceFlush(ctx context.Context) error {
	if a := p.attached.Load(); a != nil {
		return a.events.ForceFlush(ctx)
	}
	return nil
}

// Shutdown implements [sdklog.Processor]: it ends the page.
func (p processor) Shutdown(ctx context.Context) error {
	if a := p.attached.Swap(nil); a != nil {
		return errors.Join(a.loop.stop(ctx), a.store.Close(ctx))
	}
	return nil
}
