package oteljmap_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
	"github.com/rusmes/otelmail/otelmailtest"
)

// shown is a call's span as "method call-id error.type".
func shown(s sdktrace.ReadOnlySpan) string {
	a := attributes(s)
	return strings.TrimSpace(a["jmap.method"] + " " + a["jmap.call_id"] + " " + a["error.type"])
}

func TestCallsFromOutside(t *testing.T) {
	ok := func(name, id string) string { return fmt.Sprintf(`[%q,{"list":[{"type":"no"}]},%q]`, name, id) }
	bad := func(errorType, id string) string {
		return fmt.Sprintf(`["error",{"type":%q,"description":"[\"error\"]"},%q]`, errorType, id)
	}
	for _, tt := range []struct {
		name      string
		calls     string
		responses []string
		errors    float64
		spans     []string // in the order in which they end, but for the request's
	}{
		{"all well", `["Email/query",{},"q"],["Email/get",{},"g"]`,
			[]string{ok("Email/query", "q"), ok("Email/get", "g")}, 0, []string{"Email/query q", "Email/get g"}},
		{"a failure and its result references", `["Email/query",{},"q"],["Email/get",{},"g"]`,
			[]string{bad("unsupportedSort", "q"), bad("invalidResultReference", "g")}, 2,
			[]string{"Email/query q unsupportedSort", "Email/get g invalidResultReference"}},
		{"unknown names", `["Email/steal",{},"1"],["Email/get",{},"2"]`,
			[]string{bad("unknownMethod", "1"), bad("bob@example.org", "2")}, 2,
			[]string{"_OTHER 1 unknownMethod", "Email/get 2 _OTHER"}},
		{"an implied call that fails", `["Email/copy",{},"c"],["Email/get",{},"g"]`,
			[]string{ok("Email/copy", "c"), bad("stateMismatch", "c"), ok("Email/get", "g")}, 1,
			[]string{"Email/copy c", "Email/get g"}},
		{"an implied call, one id for two", `["Email/copy",{},"x"],["Email/get",{},"x"]`,
			[]string{ok("Email/copy", "x"), ok("Email/set", "x"), bad("serverFail", "x")}, 1,
			[]string{"Email/copy x", "Email/get x serverFail"}},
		{"one id for all", `["Email/get",{},"x"],["Email/get",{},"x"],["Email/set",{},"x"]`,
			[]string{ok("Email/get", "x"), bad("serverFail", "x"), ok("Email/set", "x")}, 1,
			[]string{"Email/get x", "Email/get x serverFail", "Email/set x"}},
		{"out of order", `["Email/query",{},"q"],["Email/get",{},"g"]`,
			[]string{ok("Email/get", "g"), bad("serverFail", "q")}, 1, []string{"Email/get g", "Email/query q serverFail"}},
		{"no answer", `["Email/query",{},"q"],["Email/get",{},"g"]`,
			[]string{ok("Email/get", "g")}, 0, []string{"Email/get g", "Email/query q"}},
		{"an answer to nothing", `["Email/query",{},"q"]`,
			[]string{ok("Email/query", "q"), bad("serverFail", "?"), ok("Email/get", "?")}, 1, []string{"Email/query q"}},
		{"no error type", `["Email/query",{},"q"]`, []string{`["error",{},"q"]`}, 1, []string{"Email/query q _OTHER"}},
		{"an id that is none", `["Email/query",{},7]`, []string{`["error",{"type":"invalidArguments"},7]`}, 1, []string{"Email/query  invalidArguments"}},
		{"escapes", `["Email\/get",{},"\u0067"]`, []string{`["\u0065rror",{"t\u0079pe":"server\u0046ail"},"g"]`}, 1, []string{"Email/get g serverFail"}},
		{"no calls", ``, nil, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := `{"methodCalls":[` + tt.calls + `]}`
			response := `{"methodResponses":[` + strings.Join(tt.responses, ",") + `],"sessionState":"1"}`

			w := newWorld(t, sdktrace.AlwaysSample(), otelmail.WithPrivacy(otelmail.PrivacyFull))
			w.post(w.api(answer(response)).URL, request)
			w.counted(1, tt.errors)
			all := w.ended(len(tt.spans) + 1)
			var got []string
			for _, s := range all[:len(tt.spans)] {
				got = append(got, shown(s))
			}
			if !slices.Equal(got, tt.spans) {
				t.Errorf("spans %q, want %q", got, tt.spans)
			}
			for _, s := range all[:len(tt.spans)] {
				request := all[len(tt.spans)]
				if s.Parent().SpanID() != request.SpanContext().SpanID() || s.SpanKind() != trace.SpanKindInternal {
					t.Errorf("%s is no child of the request, of kind internal", s.Name())
				}
				if s.StartTime().Before(request.StartTime()) || s.EndTime().After(request.EndTime()) {
					t.Errorf("%s is not within the request", s.Name())
				}
				if failed := s.Status().Code == codes.Error; failed != (attributes(s)["error.type"] != "") {
					t.Errorf("%s: status %v", s.Name(), s.Status())
				}
			}

			unsampled := newWorld(t, sdktrace.NeverSample())
			unsampled.post(unsampled.api(answer(response)).URL, request)
			unsampled.counted(1, tt.errors)
			unsampled.ended(0)
		})
	}
}

// decoded is what a JMAP server makes of a request.
type decoded struct {
	MethodCalls [][3]json.RawMessage `json:"methodCalls"`
}

// engine is a JMAP server that runs its calls with StartCall. A method fails
// with the type that its argument "fail" names; "quiet" is not started.
func engine(t *testing.T, late bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request decoded
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		var responses [][3]any
		var open []func()
		for _, raw := range request.MethodCalls {
			var name, id string
			var args struct{ Fail, Implied, Told, Mode string }
			_ = json.Unmarshal(raw[0], &name)
			_ = json.Unmarshal(raw[1], &args)
			_ = json.Unmarshal(raw[2], &id)
			if args.Mode != "quiet" {
				call := oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: name, CallID: id})
				end := func() { call.End(args.Fail + args.Told) }
				if late {
					open = append(open, end)
				} else {
					end()
				}
			}
			if args.Fail == "" {
				responses = append(responses, [3]any{name, struct{}{}, id})
			} else {
				responses = append(responses, [3]any{"error", map[string]string{"type": args.Fail}, id})
			}
			if args.Implied != "" {
				responses = append(responses, [3]any{"error", map[string]string{"type": args.Implied}, id})
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(map[string]any{"methodResponses": responses})
		for _, end := range open {
			end()
			end() // has no effect
		}
	})
}

func TestCallsFromInside(t *testing.T) {
	for _, tt := range []struct {
		name   string
		calls  string
		errors float64
		spans  []string
	}{
		{"all well", `["Email/query",{},"q"],["Email/get",{},"g"]`, 0, []string{"Email/get g", "Email/query q"}},
		{"failures", `["Email/query",{"fail":"serverFail"},"q"],["Email/get",{"fail":"invalidResultReference"},"g"]`, 2,
			[]string{"Email/get g invalidResultReference", "Email/query q serverFail"}},
		{"one id for all", `["Email/get",{"fail":"serverFail"},"x"],["Email/get",{},"x"],["Email/get",{"fail":"forbidden"},"x"]`, 2,
			[]string{"Email/get x", "Email/get x forbidden", "Email/get x serverFail"}},
		{"one is not started", `["Email/get",{},"1"],["Email/steal",{"mode":"quiet","fail":"unknownMethod"},"2"]`, 1,
			[]string{"Email/get 1", "_OTHER 2 unknownMethod"}},
		{"not started, one id", `["Email/get",{"fail":"serverFail"},"x"],["Email/steal",{"mode":"quiet","fail":"unknownMethod"},"x"]`, 2,
			[]string{"Email/get x serverFail", "_OTHER x unknownMethod"}},
		{"a failure that is not answered", `["Email/get",{"told":"forbidden"},"1"]`, 1, []string{"Email/get 1 forbidden"}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %v", tt.name, late), func(t *testing.T) {
				w := newWorld(t, sdktrace.AlwaysSample(), otelmail.WithPrivacy(otelmail.PrivacyFull))
				w.post(w.api(engine(t, late)).URL, `{"methodCalls":[`+tt.calls+`]}`)
				w.counted(1, tt.errors)
				var got []string
				for _, s := range w.ended(len(tt.spans) + 1)[:len(tt.spans)] {
					got = append(got, shown(s))
				}
				if slices.Sort(got); !slices.Equal(got, tt.spans) {
					t.Errorf("spans %q, want %q", got, tt.spans)
				}
				unsampled := newWorld(t, sdktrace.NeverSample())
				unsampled.post(unsampled.api(engine(t, late)).URL, `{"methodCalls":[`+tt.calls+`]}`)
				unsampled.counted(1, tt.errors)
			})
		}
	}
}

// What an implied call answers is not the started call's own failure.
func TestImpliedCallOfAStartedOne(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := sampled(t)
		w.post(w.api(engine(t, late)).URL, `{"methodCalls":[["Email/copy",{"implied":"stateMismatch"},"c"],["Email/copy",{},"d"]]}`)
		w.counted(1, 1)
		for _, s := range w.ended(3) {
			s.Has(otelmailtest.Attributes{"error.type": nil})
		}
	}
}

// A handler that ends its calls without a word of errors is put right by what
// it answers, if it answers before.
func TestTheAnswerTellsWhatTheHandlerDoesNot(t *testing.T) {
	w := sampled(t)
	w.post(w.api(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		calls := []oteljmap.Call{
			oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: "Email/get", CallID: "a"}),
			oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: "Email/set", CallID: "b"}),
		}
		_, _ = io.WriteString(out, `{"methodResponses":[["error",{"type":"forbidden"},"a"],["error",{"type":"serverFail"},"b"]]}`)
		calls[0].End("") // and the other never
	})).URL, `{}`)
	w.counted(1, 2)
	all := w.ended(3)
	all[0].Has(otelmailtest.Attributes{"jmap.method": "Email/get", "error.type": "forbidden"})
	all[1].Has(otelmailtest.Attributes{"jmap.method": "Email/set", "error.type": "serverFail"})
}

func TestStartedCallsTakeWhatTheBodySays(t *testing.T) {
	w := newWorld(t, sdktrace.AlwaysSample(), otelmail.WithPrivacy(otelmail.PrivacyFull))
	server := w.api(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		call := oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{CallID: "g"})
		if got := trace.SpanFromContext(call.Context()); !got.IsRecording() {
			t.Error("the context has no span")
		}
		_, child := w.Tel.TracerProvider().Tracer("storage").Start(call.Context(), "read")
		child.End()
		call.End("")
	}), oteljmap.WithRequestID(func(*http.Request) string { return "R7" }))
	w.post(server.URL, twoCalls)
	all := w.ended(4) // the storage's, the started call, the other, the request
	if all[0].Parent().SpanID() != all[1].SpanContext().SpanID() {
		t.Error("the handler's span is no child of the call's")
	}
	all[1].Has(otelmailtest.Attributes{"jmap.method": "Email/get", "jmap.account_id": "A1", "jmap.call_id": "g", "jmap.request_id": "R7"})
	all[2].Has(otelmailtest.Attributes{"jmap.method": "Email/query", "jmap.account_id": "A1", "jmap.call_id": "q", "jmap.request_id": "R7"})
}

func TestStartedCallsAtOnce(t *testing.T) {
	w := sampled(t)
	const n = 200
	server := w.api(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				call := oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: "Email/get", CallID: fmt.Sprint(i % 7)})
				if i%2 == 0 {
					call.End("serverFail")
				} else {
					call.End("")
				}
			})
		}
		group.Wait()
		var responses [][3]any
		for i := range n {
			if i%2 == 0 {
				responses = append(responses, [3]any{"error", map[string]string{"type": "serverFail"}, fmt.Sprint(i % 7)})
			}
		}
		_ = json.NewEncoder(out).Encode(map[string]any{"methodResponses": responses})
	}))
	w.post(server.URL, `{}`)
	w.counted(1, n/2)
	w.ended(n + 1)
}

func TestStartCallElsewhere(t *testing.T) {
	for _, ctx := range []context.Context{t.Context(), nil} {
		call := oteljmap.StartCall(ctx, otelmail.JMAPFacts{Method: "Email/get"})
		if call.Context() == nil {
			t.Error("no context")
		}
		call.End("serverFail")
	}
	var zero oteljmap.Call
	zero.End("")
	if zero.Context() == nil {
		t.Error("the zero Call has no context")
	}
}

func TestCallsBeyondTheBoundsCountButHaveNoSpan(t *testing.T) {
	var calls, responses []string
	for i := range 100 {
		calls = append(calls, fmt.Sprintf(`["Email/get",{},"%d"]`, i))
		responses = append(responses, fmt.Sprintf(`["error",{"type":"serverFail"},"%d"]`, i))
	}
	request := `{"methodCalls":[` + strings.Join(calls, ",") + `]}`
	response := `{"methodResponses":[` + strings.Join(responses, ",") + `]}`
	for _, tt := range []struct {
		name  string
		opts  []oteljmap.Option
		spans int
	}{
		{"by default", nil, 64},
		{"more calls", []oteljmap.Option{oteljmap.MaxCalls(1000)}, 100},
		{"few calls", []oteljmap.Option{oteljmap.MaxCalls(3)}, 3},
		{"no calls", []oteljmap.Option{oteljmap.MaxCalls(0)}, 0},
		{"a short body", []oteljmap.Option{oteljmap.MaxBody(int64(strings.Index(request, `"Email/get",{},"10"`)))}, 10},
		{"no body", []oteljmap.Option{oteljmap.MaxBody(-1)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := sampled(t)
			w.post(w.api(answer(response), tt.opts...).URL, request)
			w.counted(1, 100)
			w.ended(tt.spans + 1)
		})
	}
}

func TestCompressedResponsesCannotBeRead(t *testing.T) {
	w := sampled(t)
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	_, _ = io.WriteString(z, `{"methodResponses":[["error",{"type":"serverFail"},"q"]]}`)
	_ = z.Close()
	server := w.api(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		out.Header().Set("Content-Encoding", "gzip")
		out.Header().Set("Content-Type", "application/json")
		_, _ = out.Write(compressed.Bytes())
	}))
	if _, body := w.post(server.URL, twoCalls); !strings.Contains(body, "serverFail") {
		t.Errorf("the client reads %q", body)
	}
	w.counted(1, 0)
	w.ended(3)
}

func TestIDsAreHashedByDefault(t *testing.T) {
	w := sampled(t)
	w.post(w.api(answer(`{}`)).URL, `{"methodCalls":[["Email/get",{"accountId":"bob@example.org"},"bob's call"]]}`)
	for _, s := range w.ended(2) {
		for k, v := range attributes(s) {
			if strings.Contains(v, "bob") {
				t.Errorf("%s shows %q", k, v)
			}
		}
	}
}
