package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/rusmes/otelmail"
)

// TestNames: names.go is what the source says now, and has every series of the Catalog.
func TestNames(t *testing.T) {
	want, err := names()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../names.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("names.go is out of date: go generate")
	}
	if n := bytes.Count(got, []byte("= of(")); n != len(otelmail.Catalog()) {
		t.Errorf("%d names, but the Catalog has %d series", n, len(otelmail.Catalog()))
	}
}
