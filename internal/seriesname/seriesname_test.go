package seriesname_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/seriesname"
)

func TestNames(t *testing.T) {
	names, err := seriesname.Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(otelmail.Catalog()) {
		t.Errorf("%d variables define %d series", len(names), len(otelmail.Catalog()))
	}
	for variable, name := range names {
		if !slices.ContainsFunc(otelmail.Catalog(), func(m catalog.Metric) bool { return m.Name == name }) {
			t.Errorf("%s is %s, which the Catalog does not have", variable, name)
		}
	}
	if got, err := names.Fill("as often as `{smtpReceived}` counts"); err != nil || got != "as often as `smtp_messages_received_total` counts" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := names.Fill("as often as {smtpRecieved} counts"); err == nil || !strings.Contains(err.Error(), "no series is defined as {smtpRecieved}") {
		t.Error(err)
	}
}
