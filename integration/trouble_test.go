package integration

import (
	"io"
	"net/http"
	"regexp"
)

var switchOfTroubles = regexp.MustCompile(`(?m)^  trouble +(http://\S+)$`)

// trouble begins a trouble of a demo that was started with --trouble (PUT), or ends it (DELETE).
func (d *demo) trouble(method, name string) {
	d.t.Helper()
	found := switchOfTroubles.FindStringSubmatch(d.stdout.String())
	if found == nil {
		d.t.Fatal("the demo has not said where its switch is")
	}
	request, err := http.NewRequestWithContext(d.t.Context(), method, found[1]+"/"+name, http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	if says, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		d.t.Fatalf("%s %s: %s %s %v", method, name, answer.Status, says, err)
	}
}
