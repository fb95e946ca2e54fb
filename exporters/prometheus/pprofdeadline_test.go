package prometheus

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A profile of the CPU may take longer than the server's write deadline, which is for scrapes.
func TestAProfileOutlivesTheWriteDeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(newProfiles())
	server.Config.WriteTimeout = time.Second
	server.Start()
	defer server.Close()
	res, err := http.Get(server.URL + pprofPath + "profile?seconds=2")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(profile); err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("nanoseconds")) {
		t.Errorf("status %d, %d bytes, error %v", res.StatusCode, len(text), err)
	}
}
