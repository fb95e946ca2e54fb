package otelmail_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/health"
)

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// construct calls every constructor that accepts the option.
func construct(t *testing.T, opt any) map[string]error {
	t.Helper()
	errs := map[string]error{}
	patient, cancel := context.WithTimeout(context.Background(), time.Minute) // wins over WithShutdownTimeout
	defer cancel()
	if o, ok := opt.(otelmail.StartOption); ok {
		tel, err := otelmail.Start(t.Context(), o, lookup(), otelmail.WithoutGlobals())
		errs["start"] = errors.Join(err, tel.Shutdown(patient))
	}
	if o, ok := opt.(otelmail.NewOption); ok {
		tel, err := otelmail.New(o)
		errs["new"] = errors.Join(err, tel.Shutdown(patient))
	}
	if o, ok := opt.(otelmail.ReaderOption); ok {
		_, err := otelmail.NewReader(o)
		errs["new reader"] = err
	}
	return errs
}

// TestEachConstructorAcceptsWhatItHeeds: what it would not heed does not compile.
func TestEachConstructorAcceptsWhatItHeeds(t *testing.T) {
	mp, _ := provider(t, nil)
	for names, opts := range map[string][]any{
		"start": {otelmail.WithService("a", ""), otelmail.WithResourceAttributes(), otelmail.WithSampler(sdktrace.AlwaysSample()),
			otelmail.WithSampleRatio(1), otelmail.WithoutGlobals(), stopping(nil)},
		"new": {otelmail.WithMeterProvider(mp), otelmail.WithTracerProvider(sdktrace.NewTracerProvider()),
			otelmail.WithLoggerProvider(otelmail.Noop().LoggerProvider())},
		"new start": {otelmail.WithCheck("a", func(context.Context) error { return nil }),
			otelmail.WithHashKey(make([]byte, 16)), otelmail.WithHealth(health.New()), otelmail.WithLogHandler(slog.DiscardHandler),
			otelmail.WithLogExportLevel(0), lookup(), otelmail.WithPrivacy(0), otelmail.WithPropagator(propagation.Baggage{}),
			otelmail.WithShutdownTimeout(time.Second)},
		"new reader start": {otelmail.WithExponentialHistograms()},
		"new new reader start": {otelmail.WithNamespace("a"), otelmail.WithDomainLimit(1), otelmail.WithLocalDomains("a.example"),
			otelmail.WithErrorHandler(func(error) {})},
	} {
		for _, opt := range opts {
			if got := strings.Join(slices.Sorted(maps.Keys(construct(t, opt))), " "); got != names {
				t.Errorf("a %T is accepted by %s, want %s", opt, got, names)
			}
		}
	}
}

// TestWrongValuesAtTheirBounds: the value just outside is refused by every constructor
// that accepts the option, with the option, the value and what is allowed; the one just inside
// is not.
func TestWrongValuesAtTheirBounds(t *testing.T) {
	for _, tc := range []struct {
		wrong, right any
		want         []string
	}{
		{otelmail.WithNamespace(""), otelmail.WithNamespace("a"), []string{"WithNamespace", `""`, "63"}},
		{otelmail.WithNamespace(strings.Repeat("a", 64)), otelmail.WithNamespace(strings.Repeat("a", 63)), []string{"WithNamespace", `"aaa`}},
		{otelmail.WithNamespace("9a"), otelmail.WithNamespace("a9_"), []string{"WithNamespace", `"9a"`}},
		{otelmail.WithNamespace("_a"), otelmail.WithNamespace("A_"), []string{"WithNamespace", `"_a"`, "the first a letter"}}, // OpenTelemetry's rule
		{otelmail.WithNamespace("mail.server"), otelmail.WithNamespace("mail_server"), []string{"WithNamespace", `"mail.server"`}},
		{otelmail.WithNamespace("mäil"), otelmail.WithNamespace("MAIL"), []string{"WithNamespace", `"mäil"`}},
		{otelmail.WithSampleRatio(1.0000001), otelmail.WithSampleRatio(1), []string{"WithSampleRatio", "1.0000001", "0.0 to 1.0"}},
		{otelmail.WithSampleRatio(-0.0000001), otelmail.WithSampleRatio(0), []string{"WithSampleRatio", "-1e-07", "0.0 to 1.0"}},
		{otelmail.WithSampleRatio(math.NaN()), otelmail.WithSampleRatio(0.5), []string{"WithSampleRatio", "NaN"}},
		{otelmail.WithSampleRatio(math.Inf(1)), otelmail.WithSampleRatio(math.SmallestNonzeroFloat64), []string{"WithSampleRatio", "+Inf"}},
		{otelmail.WithShutdownTimeout(0), otelmail.WithShutdownTimeout(time.Millisecond), []string{"WithShutdownTimeout", "0s", "1ms to 24h"}},
		{otelmail.WithShutdownTimeout(5), otelmail.WithShutdownTimeout(24 * time.Hour), []string{"WithShutdownTimeout", "5ns", "1ms to 24h"}}, // a unit forgotten
		{otelmail.WithHashKey(make([]byte, 15)), otelmail.WithHashKey(make([]byte, 16)), []string{"WithHashKey", "15 bytes", "16 bytes"}},
		{otelmail.WithHashKey(nil), otelmail.WithHashKey(make([]byte, 1<<10)), []string{"WithHashKey", "0 bytes"}},
		{otelmail.WithPrivacy(otelmail.PrivacyNone + 1), otelmail.WithPrivacy(otelmail.PrivacyNone), []string{"WithPrivacy", "PrivacyNone"}},
		{otelmail.WithDomainLimit(100_001), otelmail.WithDomainLimit(100_000), []string{"WithDomainLimit", "100001", "100000"}},
		{otelmail.WithDomainLimit(-1), otelmail.WithDomainLimit(0), []string{"WithDomainLimit", "-1"}},
		{otelmail.WithLocalDomains("a.example", ""), otelmail.WithLocalDomains("a.example", "b.example"), []string{"WithLocalDomains", `""`, "domain names"}},
		{otelmail.WithResourceAttributes(attribute.String("a", "b"), attribute.String("", "x")), otelmail.WithResourceAttributes(attribute.String("a", "b")),
			[]string{"WithResourceAttributes", "a key and a value"}},
	} {
		for name, err := range construct(t, tc.wrong) {
			if err == nil || !containsAll(err.Error(), append(tc.want, "otelmail: "+name+": ")...) {
				t.Errorf("%s: error %v, want %q in it", name, err, tc.want)
			}
		}
		for name, err := range construct(t, tc.right) {
			if err != nil {
				t.Errorf("%s: what is allowed was refused: %v", name, err)
			}
		}
	}
}

// TestAllWrongOptionsAreNamedAtOnce, nil ones by their place.
func TestAllWrongOptionsAreNamedAtOnce(t *testing.T) {
	tel, err := otelmail.Start(t.Context(), otelmail.WithNamespace("-"), nil, otelmail.WithSampleRatio(7), otelmail.WithHealth(nil),
		otelmail.WithLogHandler(nil), lookup(), otelmail.WithoutGlobals())
	if err == nil || !containsAll(err.Error(), "WithNamespace", "option 2 is nil", "WithSampleRatio", "WithHealth", "WithLogHandler") {
		t.Errorf("Start: %v", err)
	}
	useNoop(t, tel)
	tel, err = otelmail.New(otelmail.WithNamespace("-"), nil, otelmail.WithMeterProvider(nil), otelmail.WithHealth(nil))
	if err == nil || !containsAll(err.Error(), "WithNamespace", "option 2 is nil", "WithMeterProvider", "WithHealth") {
		t.Errorf("New: %v", err)
	}
	useNoop(t, tel)
	if _, err = otelmail.NewReader(otelmail.WithNamespace("-"), nil, otelmail.WithDomainLimit(-1)); err == nil ||
		!containsAll(err.Error(), "WithNamespace", "option 2 is nil", "WithDomainLimit") {
		t.Errorf("NewReader: %v", err)
	}
}

// TestAHashKeyIsASecret also in the error that refuses it.
func TestAHashKeyIsASecret(t *testing.T) {
	const secret = "tOpSeCrEt"
	_, err := otelmail.New(otelmail.WithHashKey([]byte(secret)))
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("error %v", err)
	}
	tel, _ := start(t)
	if err := tel.RotateHashKey([]byte(secret)); err == nil || strings.Contains(err.Error(), secret) || !containsAll(err.Error(), "RotateHashKey", "9 bytes") {
		t.Errorf("error %v", err)
	}
}

// TestLastOptionWins where an option is given twice, and those that add go on adding.
func TestLastOptionWins(t *testing.T) {
	tel, reader := start(t, otelmail.WithNamespace("one"), otelmail.WithNamespace("two"),
		otelmail.WithLocalDomains("a.example"), otelmail.WithLocalDomains("b.example"))
	all := collect(t, reader)
	if _, there := all["two_queue_size"]; !there || len(all["one_queue_size"].Name) > 0 {
		t.Error("the last namespace does not win")
	}
	checkValue(t, tel, 0, "messages_per_domain_total", "a.example")
	checkValue(t, tel, 0, "messages_per_domain_total", "b.example")
}

// TestOptionsGiveWhatTheySay: what is handed in is what is used.
func TestOptionsGiveWhatTheySay(t *testing.T) {
	registry := health.New()
	mp, _ := provider(t, nil)
	tp := sdktrace.NewTracerProvider()
	lp := otelmail.Noop().LoggerProvider()
	tel, err := otelmail.New(otelmail.WithHealth(registry), otelmail.WithMeterProvider(mp), otelmail.WithTracerProvider(tp),
		otelmail.WithLoggerProvider(lp), otelmail.WithPropagator(propagation.Baggage{}))
	if err != nil {
		t.Fatal(err)
	}
	if tel.Health != registry || tel.MeterProvider() != mp || tel.TracerProvider() != tp || tel.LoggerProvider() != lp ||
		!slices.Equal(tel.Propagator().Fields(), propagation.Baggage{}.Fields()) || tel.Reader() != nil {
		t.Error("New does not use what it was given")
	}
	if err := tel.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	started, reader := start(t, otelmail.WithHealth(health.New()), otelmail.WithPropagator(propagation.Baggage{}))
	if !slices.Equal(started.Propagator().Fields(), propagation.Baggage{}.Fields()) || reader == nil {
		t.Error("Start does not use what it was given")
	}
}

// TestWithoutGlobals leaves OpenTelemetry's own providers as they are.
func TestWithoutGlobals(t *testing.T) {
	mp, tp, propagator := otel.GetMeterProvider(), otel.GetTracerProvider(), otel.GetTextMapPropagator()
	start(t)
	// A propagator of several cannot be compared with ==.
	if otel.GetMeterProvider() != mp || otel.GetTracerProvider() != tp || !reflect.DeepEqual(otel.GetTextMapPropagator(), propagator) {
		t.Error("Start has changed the global providers")
	}
}

// TestDefaults are those of the docstrings.
func TestDefaults(t *testing.T) {
	tel, reader := start(t)
	for i := range 300 {
		accept(tel, "x@"+strings.Repeat("a", i%60+1)+string(rune('a'+i/60))+".example")
	}
	if shown, sum := perDomain(t, reader); len(shown) != 201 || sum != 300 {
		t.Errorf("%d domains are shown, sum %d, want 200 and _other", len(shown), sum)
	}
	if h := tel.Logger().Handler(); !h.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("the local log does not show info")
	}
	_, rec, bound := newTraced(t)
	enqueue(t.Context(), bound, otelmail.MessageFacts{Sender: "bob@example.org"}, otelmail.CauseNone)
	if got := attrs(rec.Ended()[0]); got["email.from.domain"] != "example.org" || got["email.from.address"] != "" {
		t.Errorf("the default policy shows %v", got)
	}
}

// TestShutdownTimeout bounds Shutdown where its context has no deadline; a deadline wins
// where there is one.
func TestShutdownTimeout(t *testing.T) {
	for name, tc := range map[string]struct{ option, deadline, want time.Duration }{
		"the default":   {0, 0, 5 * time.Second},
		"the option's":  {20 * time.Second, 0, 20 * time.Second},
		"the context's": {20 * time.Second, 10 * time.Second, 10 * time.Second},
	} {
		var left time.Duration
		opts := []otelmail.StartOption{lookup(), otelmail.WithoutGlobals(),
			stopping(map[string]func(context.Context) error{"part": func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				left = time.Until(deadline)
				return nil
			}})}
		if tc.option > 0 {
			opts = append(opts, otelmail.WithShutdownTimeout(tc.option))
		}
		tel, err := otelmail.Start(t.Context(), opts...)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if tc.deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, tc.deadline)
			defer cancel()
		}
		if err := tel.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if left > tc.want || left < tc.want-4*time.Second {
			t.Errorf("%s: the part was given %v, want about %v", name, left, tc.want)
		}
	}
}
