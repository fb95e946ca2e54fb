package prometheus

import (
	"context"
	"errors"
	"strings"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/settings"
)

// Place implements [export.Placed]: it is the address that is listened on, unless the system
// chooses the port. For otelmail.Start.
func (s *Server) Place(p export.Pipeline) string {
	c, err := newServerConfig(s.opts)
	env := settings.NewEnv(p.LookupEnv, func(error) {}, false)
	enabled, bind := env.Bool(settings.MetricsEnabled), readAddress(c.address, env)
	if errors.Join(err, env.Err()) != nil || !enabled {
		return ""
	}
	if !strings.HasPrefix(bind.address, systemdPrefix) {
		return placeOf(bind.address)
	}
	l, err := bind.open(context.Background()) // of a descriptor that stays open
	if err != nil {
		return ""
	}
	defer l.Close()
	return placeOf(l.Addr().String())
}

func placeOf(address string) string {
	if _, port, ok := splitAddress(address); ok && port == "0" {
		return ""
	}
	return address
}
