package otlp

import (
	"path/filepath"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/settings"
)

// Place implements [export.Placed]: it is the directory of the buffer, if something is pushed.
// For otelmail.Start.
func (e *Pusher) Place(p export.Pipeline) string {
	env := &environment{settings.NewEnv(p.LookupEnv, func(error) {}, false)}
	r := env.resolve(env.choices(e.opts))
	if env.Err() != nil || !r.buffered() {
		return ""
	}
	dir, err := filepath.Abs(r.buffer.dir)
	if err != nil {
		return ""
	}
	return dir
}
