package top_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/cmd/otelmail/internal/top"
	"github.com/rusmes/otelmail/exporters/live"
)

func config(t *testing.T, args ...string) *top.Config {
	t.Helper()
	return configAs(t, "", args...)
}

func configAs(t *testing.T, credentials string, args ...string) *top.Config {
	t.Helper()
	c, err := top.ParseFlags(args, func(string) string { return credentials })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// page is the real one, with what moves its figures.
func page(t *testing.T) (*otelmail.Telemetry, http.Handler) {
	t.Helper()
	h := live.NewHandler()
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithService("mymail", "1.2.3"),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }), otelmail.WithExporter(h),
		otelmail.WithCheck("storage", func(context.Context) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel, h
}

func TestOnce(t *testing.T) {
	_, h := page(t)
	server := httptest.NewServer(h)
	defer server.Close()
	var out bytes.Buffer
	if err := top.Run(t.Context(), config(t, "--server", server.URL, "--every", "0"), &out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mymail 1.2.3", "server", "IN ", "0/min", "processing   -", "QUEUE ", "deferred", "imap ", "storage", "TELEMETRY", "traces "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("a file gets escape sequences:\n%q", &out)
	}
}

// screen ends the run when it has been written to often enough.
type screen struct {
	text strings.Builder
	left int
	end  func()
}

func (s *screen) Write(p []byte) (int, error) {
	if s.left--; s.left == 0 {
		s.end()
	}
	return s.text.Write(p)
}

// On a terminal each takes the place of the one before, and an outage is shown and outlived.
func TestTerminal(t *testing.T) {
	_, h := page(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 2 {
			http.Error(w, "\x1b[2Jaway", http.StatusBadGateway)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &screen{left: 3, end: cancel}
	if err := top.Run(ctx, config(t, "--server", server.URL+"/", "--every", "1s"), out, true); err != nil {
		t.Fatal(err)
	}
	screens := strings.Split(out.text.String(), "\x1b[H\x1b[2J")[1:]
	if len(screens) != 3 || !strings.Contains(screens[0], "mymail") || !strings.Contains(screens[1], "it answers 502 Bad Gateway") || !strings.Contains(screens[2], "mymail") {
		t.Errorf("%q", screens)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	const secret = "hush"
	answer := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, password, ok := r.BasicAuth(); ok && password != secret {
				code = http.StatusUnauthorized
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, tc := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"a password is wanted":    {answer(401, "no"), "it wants a user and a password, or others: give them by --auth-file or OTELMAIL_AUTH"},
		"another page":            {answer(404, "no"), "it answers 404 Not Found: want the address of a page of otelmail"},
		"another server":          {answer(200, "<html>"), "what it answers is no status"},
		"another API":             {answer(200, "{}"), "what it answers is no status"},
		"the password is the one": {answer(200, `{"sentence":"Mail \u001b[2Jflows.","checks":[{"name":"a\u009bb"}]}`), ""},
	} {
		server := httptest.NewServer(tc.handler)
		var out bytes.Buffer
		err := top.Run(t.Context(), configAs(t, "ann:"+secret, "--server", server.URL, "--every", "0"), &out, false)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), secret)) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
		if tc.want == "" && (strings.ContainsAny(out.String(), "\x1b\u009b") || !strings.Contains(out.String(), "flows")) {
			t.Errorf("%s: %q", name, &out)
		}
		server.Close()
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if err := top.Run(t.Context(), config(t, "--server", server.URL), &bytes.Buffer{}, false); err == nil || !strings.Contains(err.Error(), "ask "+server.URL) {
		t.Errorf("nobody is there: %v", err)
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--server mail.example":                `--server: "mail.example" is not allowed: want http://HOST:PORT or https://HOST:PORT`,
		"--server https://a:hush@mail.example": "want them in --auth-file or OTELMAIL_AUTH",
		"--auth-file /nowhere/to/be/found":     "--auth-file: open /nowhere/to/be/found",
		"--every 1ms":                          `invalid value "1ms" for flag -every: want a duration from 1s on, or 0 for once`,
		"--every often":                        "want a duration from 1s on",
		"now":                                  `"now" is not allowed: want flags only`,
	} {
		if _, err := top.ParseFlags(strings.Fields(args), func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	var help bytes.Buffer
	top.Usage(&help)
	if !strings.Contains(help.String(), "--server URL") || !strings.Contains(help.String(), "OTELMAIL_AUTH: USER:PASSWORD") {
		t.Errorf("%s", &help)
	}
}
