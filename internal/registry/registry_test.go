package registry_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/rusmes/otelmail/internal/registry"
	"github.com/rusmes/otelmail/internal/schema"
)

const root = "../../"

// TestTheCommittedRegistry: registry/ is what the code says, and such that Weaver takes it.
func TestTheCommittedRegistry(t *testing.T) {
	built, err := registry.Build(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := built.Texts()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range texts {
		if got, err := os.ReadFile(root + "registry/" + name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("registry/%s is not what the code says (%v): run make generate", name, err)
		}
	}
	if got, err := os.ReadFile(root + "schemas/" + schema.Version); err != nil || !bytes.Equal(got, registry.Schema()) {
		t.Errorf("schemas/%s is not what the code says (%v): run make generate", schema.Version, err)
	}
	committed, err := registry.Read(os.DirFS(root + "registry"))
	if err != nil {
		t.Fatal(err)
	}
	if err := committed.Check(); err != nil {
		t.Error(err)
	}
	if len(committed.Files)+1 != len(texts) {
		t.Errorf("registry/ has %d files, want %d", len(committed.Files)+1, len(texts))
	}
}
