package otlp_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/otlp"
)

// TestPlace: the directory of the buffer, where something is kept in it.
func TestPlace(t *testing.T) {
	relative, err := filepath.Abs("buffer")
	if err != nil {
		t.Fatal(err)
	}
	const endpoint, dir = "OTEL_EXPORTER_OTLP_ENDPOINT", "RUSMES_OTLP_BUFFER_DIR"
	for _, tc := range []struct {
		name string
		opts []otlp.Option
		env  map[string]string
		want string
	}{
		{"an option", []otlp.Option{otlp.Endpoint("http://127.0.0.1:1"), otlp.Buffer("/nonexistent/a")}, nil, "/nonexistent/a"},
		{"variables", nil, map[string]string{endpoint: "http://127.0.0.1:1", dir: "/nonexistent/b/"}, "/nonexistent/b"},
		{"a relative one", nil, map[string]string{endpoint: "http://127.0.0.1:1", dir: "buffer"}, relative},
		{"no buffer", nil, map[string]string{endpoint: "http://127.0.0.1:1"}, ""},
		{"nothing is pushed", nil, map[string]string{dir: "/nonexistent/b"}, ""},
		{"a wrong option", []otlp.Option{nil, otlp.Endpoint("http://127.0.0.1:1"), otlp.Buffer("/nonexistent/a")}, nil, ""},
	} {
		var got string
		tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(),
			otelmail.WithLookupEnv(func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok }),
			otelmail.WithErrorHandler(func(err error) { t.Errorf("%s: %v", tc.name, err) }),
			otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
				got = newPusher(tc.opts...).Place(p)
				return nil
			})))
		if err != nil {
			t.Fatal(err)
		}
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
