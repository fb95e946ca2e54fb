package machine_test

import (
	"testing"

	"github.com/rusmes/otelmail/internal/machine"
)

// TestInstanceID: it is the same for the same, and another for each thing that differs.
func TestInstanceID(t *testing.T) {
	const id = "3d1219c7c4c5404aaa1f6d2a48adfda4"
	seen := map[string]string{}
	for name, got := range map[string]string{
		"as it is":        machine.InstanceID(id, "mx1", "mail", []string{"0.0.0.0:9090"}),
		"another machine": machine.InstanceID("4d1219c7c4c5404aaa1f6d2a48adfda4", "mx1", "mail", []string{"0.0.0.0:9090"}),
		"a copied image":  machine.InstanceID(id, "mx2", "mail", []string{"0.0.0.0:9090"}),
		"another service": machine.InstanceID(id, "mx1", "imap", []string{"0.0.0.0:9090"}),
		"another address": machine.InstanceID(id, "mx1", "mail", []string{"0.0.0.0:9091"}),
		"a directory":     machine.InstanceID(id, "mx1", "mail", []string{"/var/lib/mail/otlp"}),
		"both":            machine.InstanceID(id, "mx1", "mail", []string{"0.0.0.0:9090", "/var/lib/mail/otlp"}),
	} {
		if other, taken := seen[got]; taken || len(got) != 36 || got[14] != '5' {
			t.Errorf("%s: %q, which is that of %q; want a UUID of version 5 of its own", name, got, other)
		}
		seen[got] = name
	}
	// What an upgrade must not change.
	if got := machine.InstanceID(id+"\n", "mx1", "mail", []string{"0.0.0.0:9090"}); got != "db342558-b7ef-57b2-a710-d03144d39482" {
		t.Errorf("it is %q now: every series of every server begins anew", got)
	}
	for name, got := range map[string]string{
		"no place":          machine.InstanceID(id, "mx1", "mail", nil),
		"no machine id":     machine.InstanceID("", "mx1", "mail", []string{"0.0.0.0:9090"}),
		"blank":             machine.InstanceID(" \n", "mx1", "mail", []string{"0.0.0.0:9090"}),
		"before first boot": machine.InstanceID("uninitialized\n", "mx1", "mail", []string{"0.0.0.0:9090"}),
		"zeros":             machine.InstanceID("00000000-0000-0000-0000-000000000000", "mx1", "mail", []string{"0.0.0.0:9090"}),
		"a system without":  machine.InstanceID("<unknown>", "mx1", "mail", []string{"0.0.0.0:9090"}),
	} {
		if got != "" {
			t.Errorf("%s: %q, want none: two processes could have it", name, got)
		}
	}
}
