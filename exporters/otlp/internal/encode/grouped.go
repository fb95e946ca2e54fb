package encode

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
)

// grouped writes items by their resource and their scope, each in the order in which it is
// first seen. of returns both, and write writes an item.
func grouped[T any](items []T, of func(*T) (*resource.Resource, instrumentation.Scope), write func(*message, *T)) []byte {
	type scope struct {
		instrumentation.Scope
		items []*T
	}
	type group struct {
		*resource.Resource
		scopes []*scope
	}
	type key struct {
		resource attribute.Distinct
		scope    instrumentation.Scope
	}
	var groups []*group
	byResource, byScope := map[attribute.Distinct]*group{}, map[key]*scope{}
	for i := range items {
		r, s := of(&items[i])
		k := key{r.Equivalent(), s}
		in := byScope[k]
		if in == nil {
			g := byResource[k.resource]
			if g == nil {
				g = &group{Resource: r}
				byResource[k.resource] = g
				groups = append(groups, g)
			}
			in = &scope{Scope: s}
			byScope[k] = in
			g.scopes = append(g.scopes, in)
		}
		in.items = append(in.items, &items[i])
	}
	var m message
	for _, g := range groups {
		outer := m.begin(1)
		m.resource(g.Resource)
		for _, s := range g.scopes {
			inner := m.begin(2)
			m.scope(s.Scope)
			for _, item := range s.items {
				at := m.begin(2)
				write(&m, item)
				m.end(at)
			}
			m.text(3, s.SchemaURL)
			m.end(inner)
		}
		m.text(3, g.SchemaURL())
		m.end(outer)
	}
	return m
}
