package otelmail_test

import (
	"context"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// TestZeroValuesAreHarmless calls every method of every handle's zero value, and of what
// these return: a server that forgot to begin something must not crash for it. The
// handles are found from Telemetry on, by its fields and by what methods return, so that
// none can be forgotten here.
func TestZeroValuesAreHarmless(t *testing.T) {
	found := map[reflect.Type]bool{}
	zeroValues(t, reflect.TypeFor[*otelmail.Telemetry](), found)
	for _, want := range []reflect.Type{
		reflect.TypeFor[otelmail.SMTPCommand](), reflect.TypeFor[otelmail.POP3Session](), reflect.TypeFor[otelmail.JMAPCall](),
		reflect.TypeFor[otelmail.Dequeueing](), reflect.TypeFor[otelmail.Stage](), reflect.TypeFor[*otelmail.Gauge](), reflect.TypeFor[otelmail.JMAPRequest](),
		reflect.TypeFor[otelmail.PhaseTimer](), reflect.TypeFor[otelmail.DNSLookup](),
	} {
		if !found[want] {
			t.Errorf("%v was not found", want)
		}
	}
}

// zeroValues tries the zero value of a type of ours, and nil where handles are pointers.
func zeroValues(t *testing.T, typ reflect.Type, found map[reflect.Type]bool) {
	t.Helper()
	elem := typ
	if typ.Kind() == reflect.Pointer {
		elem = typ.Elem()
	}
	if elem.PkgPath() != otelmail.ScopeName || elem.Kind() != reflect.Struct || found[typ] || elem == reflect.TypeFor[otelmail.Reader]() {
		return // a Reader is no handle: whoever has none gives it to nobody
	}
	found[typ] = true
	if typ != elem {
		callAll(t, reflect.Zero(typ), found)
	}
	callAll(t, reflect.New(elem), found)
	for i := range elem.NumField() {
		if f := elem.Field(i); f.IsExported() {
			zeroValues(t, f.Type, found)
		}
	}
}

// callAll calls all methods of a pointer, or of the value that a method returned.
func callAll(t *testing.T, v reflect.Value, found map[reflect.Type]bool) {
	t.Helper()
	for i := range v.NumMethod() {
		name := v.Type().String() + "." + v.Type().Method(i).Name
		if v.Kind() == reflect.Pointer && v.IsNil() {
			if _, byValue := v.Type().Elem().MethodByName(v.Type().Method(i).Name); byValue {
				continue // Go itself panics: there is no value to call it with
			}
		}
		for _, result := range callHarmlessly(t, name, v.Method(i)) {
			typ := result.Type()
			switch {
			case typ == reflect.TypeFor[error](), typ == reflect.TypeFor[net.Conn](): // which stands beside an error
			case typ.Kind() == reflect.Interface && result.IsNil():
				t.Errorf("%s returned no %v", name, typ)
			default:
				zeroValues(t, typ, found)
				if found[typ] {
					callAll(t, result, found)
				}
			}
		}
	}
}

func callHarmlessly(t *testing.T, name string, method reflect.Value) []reflect.Value {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panicked: %v", name, p)
		}
	}()
	var args []reflect.Value
	for in := range method.Type().Ins() {
		switch {
		case method.Type().IsVariadic() && len(args) == method.Type().NumIn()-1:
		case in.Kind() == reflect.Func:
			args = append(args, reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value {
				var results []reflect.Value
				for out := range in.Outs() {
					results = append(results, reflect.Zero(out))
				}
				return results
			}))
		case in == reflect.TypeFor[io.Reader]():
			args = append(args, reflect.ValueOf(strings.NewReader("message")))
		default: // a nil context too, which is as likely a mistake
			args = append(args, reflect.Zero(in))
		}
	}
	return method.Call(args)
}

// TestZeroValuesKeepTheMailGoing: what a server does through a handle happens all the
// same, with the context that it gave.
func TestZeroValuesKeepTheMailGoing(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "kept")
	var tel otelmail.Telemetry
	smtp := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
	stored, queueing := tel.Queue.Enqueue(ctx, otelmail.MessageFacts{QueueID: "q1"})
	for name, got := range map[string]context.Context{
		"SMTP.Session": smtp.Context(), "SMTPSession.Command": smtp.Command(mailconv.SMTPData).Context(),
		"IMAP.Session": tel.IMAP.Session(ctx, otelmail.Conn{}).Context(), "POP3.Session": tel.POP3.Session(ctx, otelmail.Conn{}).Context(),
		"JMAP.Call": tel.JMAP.Request(ctx).Call(ctx, otelmail.JMAPFacts{}).Context(), "Queue.Enqueue": queueing.Context(),
		"Queue.Dequeue": tel.Queue.Dequeue(ctx, otelmail.Message{Trace: otelmail.TraceContext{Parent: someParent}}, otelmail.MessageFacts{}).Context(),
		"Mail.Process":  tel.Mail.Process(ctx, otelmail.MessageFacts{}).Context(),
		"Mail.Stage":    tel.Mail.Stage(ctx, "stage", otelmail.MessageFacts{}).Context(), "Push.Attempt": tel.WebPush.Attempt(ctx, "").Context(),
	} {
		if got.Value(key{}) != "kept" {
			t.Errorf("%s: the context is lost", name)
		}
	}
	if stored.QueueID != "q1" || stored.Enqueued.IsZero() {
		t.Errorf("to store is %+v", stored)
	}
	for want, reply := range map[otelmail.Outcome]otelmail.Reply{otelmail.OutcomeDelivered: {Code: 250},
		otelmail.OutcomeDeferred: {Code: 451}, otelmail.OutcomeFailed: {Code: 550}} {
		attempt := tel.Delivery.Attempt(ctx, otelmail.Attempt{Number: 2, Queue: otelmail.TraceContext{Parent: someParent}})
		if outcome := attempt.End(reply); outcome != want || attempt.Context().Value(key{}) != "kept" {
			t.Errorf("Delivery.Attempt: %v, want %v", outcome, want)
		}
	}
	here, there := net.Pipe()
	defer there.Close()
	conn, err := new(otelmail.Delivering).Dial(ctx, func(context.Context, string, string) (net.Conn, error) { return here, nil }, "tcp", "")
	if err != nil || conn != here {
		t.Errorf("Delivering.Dial: %v, %v", conn, err)
	}
	works, _ := traced(t)
	_, working := works.Queue.Enqueue(ctx, otelmail.MessageFacts{})
	request := working.Span()
	for _, jmap := range []*otelmail.JMAP{nil, {}} {
		jmap.Describe(request, otelmail.Conn{Remote: tcp("192.0.2.1:80")})
	}
	new(otelmail.SMTP).Session(ctx, otelmail.RoleMX, otelmail.Conn{}).Command(mailconv.SMTPData).EndMessage(otelmail.Reply{Code: 250}, "bob@example.org")
	for _, nobody := range []*otelmail.Telemetry{nil, &tel} {
		if err := nobody.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
}
