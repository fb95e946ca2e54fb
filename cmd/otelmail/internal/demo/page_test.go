package demo

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// The page is the first address that is printed, where it is.
func TestThePage(t *testing.T) {
	for address, served := range map[string]bool{"127.0.0.1:0": true, "localhost:0": true, "[::1]:0": true, "0.0.0.0:0": false, ":0": false} {
		if l, err := net.Listen("tcp", address); err != nil {
			t.Logf("%s: %v", address, err) // a machine without IPv6
			continue
		} else if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		c := quick()
		c.HTTP = address
		d := running(t, c)
		var welcome strings.Builder
		d.welcome(&welcome)
		_, first, _ := strings.Cut(welcome.String(), "http://")
		first, _, _ = strings.Cut(first, "\n")
		if is := first == d.web.Addr().String()+"/"; is != served {
			t.Errorf("%s: the first address printed is %s", address, first)
		}
		_, port, _ := net.SplitHostPort(d.web.Addr().String())
		host, _, _ := net.SplitHostPort(address)
		if host == "" || host == "0.0.0.0" {
			host = "127.0.0.1"
		}
		res, err := http.Get("http://" + net.JoinHostPort(host, port) + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		page, err := io.ReadAll(res.Body)
		if is := strings.Contains(string(page), "Where is my mail?"); err != nil || res.StatusCode != http.StatusOK || is != served {
			t.Errorf("%s: %d %v %s", address, res.StatusCode, err, page)
		}
	}
}
