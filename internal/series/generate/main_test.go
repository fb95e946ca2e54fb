package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/rusmes/otelmail"
)

// TestNames: names.go is what the source says now, and has every series of the Catalog.
func TestNames(t *testing.T) {
	want, err := names(os.DirFS("../../.."))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../names.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("names.go is out of date: make generate")
	}
	for _, m := range otelmail.Catalog() {
		if !bytes.Contains(got, []byte(`= "`+m.Name+"\"\n")) {
			t.Errorf("%s has no name", m.Name)
		}
	}
}
