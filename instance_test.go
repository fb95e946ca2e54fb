package otelmail_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/machine"
)

// placed is an exporter at a place.
type placed string

func (placed) Open(context.Context, export.Pipeline) error { return nil }

func (p placed) Place(of export.Pipeline) string {
	if of.Resource() != nil {
		return "the resource is made of the places"
	}
	if p == "panic" {
		panic(p)
	}
	return string(p)
}

// TestInstanceID: a restart has the same service.instance.id, two servers of one machine have
// two, and what was set by hand holds.
func TestInstanceID(t *testing.T) {
	id := func(opts ...otelmail.StartOption) string {
		t.Helper()
		got := resourceOf(t, opts...)["service.instance.id"]
		if got == "" {
			t.Error("no service.instance.id")
		}
		return got
	}
	at := func(places ...string) (opts []otelmail.StartOption) {
		for _, p := range places {
			opts = append(opts, otelmail.WithExporter(placed(p)))
		}
		return append(opts, otelmail.WithService("mail", "1"))
	}
	host, _ := resource.New(t.Context(), resource.WithHostID())
	machineID, _ := host.Set().Value("host.id")
	stable := machine.InstanceID(machineID.AsString(), "", "", []string{"x"}) != ""
	const address, dir = "0.0.0.0:9090", "/var/lib/mail/otlp"
	for _, tc := range []struct {
		name     string
		one, two []otelmail.StartOption
		same     bool
	}{
		{"a restart", at(address), at(address), stable},
		{"a restart, with a buffer", at(address, dir), at(address, dir), stable},
		{"a restart, with a buffer alone", at(dir), at(dir), stable},
		{"an upgrade", at(address), append(at(address), otelmail.WithService("mail", "2")), stable},
		{"an exporter without a place", at(address), at(address, ""), stable},
		{"an exporter that panics", at(address), at("panic", address), stable},
		{"another address", at(address), at("0.0.0.0:9091"), false},
		{"another service", at(address), append(at(address), otelmail.WithService("imap", "1")), false},
		{"another service, by its attributes", at(address)[:1], append(at(address)[:1], lookup("OTEL_RESOURCE_ATTRIBUTES", "service.name=imap")), false},
		{"no place", at(), at(), false},
		{"by the variable", append(at(address), lookup("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=mx1")),
			append(at(), lookup("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=mx1")), true},
		{"by an option", append(at(address), otelmail.WithResourceAttributes(attribute.String("service.instance.id", "mx1"))),
			append(at("0.0.0.0:9091"), otelmail.WithResourceAttributes(attribute.String("service.instance.id", "mx1"))), true},
	} {
		if one, two := id(tc.one...), id(tc.two...); (one == two) != tc.same {
			t.Errorf("%s: %s and %s", tc.name, one, two)
		}
	}
}
