package otlp

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func FuzzParseHeaders(f *testing.F) {
	for _, seed := range []string{"", "a=b", "a=b,c=d", " a = b%20c ,", "a", "=", "a=%zz", "a=%0d%0a", "ä=b", "a=ä", "Authorization=Basic abc==", ",,,", "a=b;c=d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		headers, err := parseHeaders("S", list)
		if err != nil && !strings.HasPrefix(err.Error(), "S: ") {
			t.Errorf("the error does not name the setting: %v", err)
		}
		req, _ := http.NewRequest(http.MethodPost, "http://localhost/", http.NoBody)
		for name, value := range headers {
			if err := checkHeader("S", name, value); err != nil {
				t.Errorf("%q was taken: %v", list, err)
			}
			req.Header.Set(name, value)
		}
		// net/http refuses to write an invalid header.
		var sink strings.Builder
		if err := req.Write(&sink); err != nil {
			t.Errorf("%q cannot be sent: %v", list, err)
		}
		if lines := strings.Count(sink.String(), "\r\n"); lines > 5+len(headers) {
			t.Errorf("%q makes %d lines of %d headers", list, lines, len(headers))
		}
	})
}

func FuzzParseEndpoint(f *testing.F) {
	for _, seed := range []string{
		"", "http://localhost:4318", "https://user:p%40ss@host/path", "localhost:4317", "http://[::1]:4318/", "http://[::1", "ftp://x",
		"http://h:0", "http://h:65536", "http://h?x", "http://h#x", "//h", "user:secret@host", "http://a:b@c:d@e", "http://h/%zz", "::", "http://%41:8080/",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, value string, bare bool) {
		a, err := parseEndpoint("S", value, bare)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "S: ") {
				t.Errorf("the error does not name the setting: %v", err)
			}
			return
		}
		if a.url.Hostname() == "" || a.url.Scheme != "http" && a.url.Scheme != "https" || a.url.User != nil {
			t.Errorf("%q was taken as %q", value, a.url)
		}
		if _, err := http.NewRequest(http.MethodPost, a.url.JoinPath("v1/traces").String(), http.NoBody); err != nil {
			t.Errorf("%q cannot be asked: %v", value, err)
		}
		if a.hostPort() == "" {
			t.Errorf("%q cannot be dialled", value)
		}
	})
}

// What is before an @ is never shown, whatever the value is.
func FuzzRedact(f *testing.F) {
	f.Add("http://user:", "@host")
	f.Add("http://", "@host/?x=1")
	f.Add("", "@")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "hush4hush"
		if strings.Contains(before, secret) || strings.Contains(after, secret) || strings.Contains(before, "://") {
			return
		}
		if got := redact("http://" + before + secret + "@" + after); strings.Contains(got, secret) {
			t.Errorf("shown: %q", got)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(http.Header{"Retry-After": {value}}, time.Unix(0, 0)); d < 0 {
			t.Errorf("%q is %v", value, d)
		}
	})
}
