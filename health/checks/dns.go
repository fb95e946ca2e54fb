package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// DNS returns a check that the resolver, or the system's where it is nil, finds an address for
// name: of a host that will always have one, such as the own MX or the name of a relay. With a
// dot at its end no search domain is tried. A name that /etc/hosts has may be
// answered from there, and proves nothing.
func DNS(resolver *net.Resolver, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		if name == "" {
			return errors.New("health: dns: name is empty: must be a host's")
		}
		if err := ctx.Err(); err != nil { // or the answer may come before the resolver looks at that
			return fmt.Errorf("health: dns: %w", err)
		}
		r := resolver
		if r == nil {
			r = net.DefaultResolver
		}
		if _, err := r.LookupNetIP(ctx, "ip", name); err != nil {
			return fmt.Errorf("health: dns: %w", err)
		}
		return nil
	}
}
