package oteljmap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

func Example() {
	tel, err := otelmail.New() // or Start, with exporters
	if err != nil {
		fmt.Println(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()

	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"methodResponses":[["error",{"type":"unknownMethod"},"c1"]],"sessionState":"7"}`)
	})
	session := http.NotFoundHandler()

	mux := http.NewServeMux()
	mux.Handle("POST /jmap/api", oteljmap.Wrap(tel, api))
	mux.Handle("/.well-known/jmap", oteljmap.Wrap(tel, session, oteljmap.SpanOnly()))
	server := &http.Server{Handler: mux, ConnState: oteljmap.ConnState(tel)}

	body := `{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Email/steal",{},"c1"]]}`
	server.Handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/jmap/api", strings.NewReader(body)))
	requests, _ := tel.Value("jmap_requests_total")
	errors, _ := tel.Value("jmap_errors_total")
	fmt.Println(requests, "request,", errors, "error")
	// Output: 1 request, 1 error
}

// A handler that says when it works on which call gets spans that are true.
func ExampleStartCall() {
	tel := otelmail.Noop()
	run := func(context.Context, string) string { return "" } // returns the type of the error

	http.Handle("POST /jmap/api", oteljmap.Wrap(tel, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var request struct {
			MethodCalls [][3]json.RawMessage `json:"methodCalls"`
		}
		if json.NewDecoder(r.Body).Decode(&request) != nil {
			return // with a problem of type notRequest
		}
		for _, c := range request.MethodCalls {
			var method, id string
			_ = json.Unmarshal(c[0], &method)
			_ = json.Unmarshal(c[2], &id)
			call := oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: method, CallID: id})
			call.End(run(call.Context(), method))
		}
	})))
	// Output:
}

// Behind a proxy, with otelhttp around, and with other bounds.
func ExampleWrap() {
	api := http.NotFoundHandler()
	oteljmap.Wrap(otelmail.Noop(), api,
		oteljmap.WithRoute("/jmap/api"),              // where no http.ServeMux has a pattern
		oteljmap.WithServer("jmap.example.org", 443), // what the proxy is called
		oteljmap.WithRequestID(func(r *http.Request) string { return r.Header.Get("X-Request-Id") }),
		oteljmap.TrustParent(func(r *http.Request) bool { return strings.HasPrefix(r.RemoteAddr, "10.") }),
		oteljmap.MaxBody(1<<20),
		oteljmap.MaxCalls(16),
	)
	oteljmap.Wrap(otelmail.Noop(), api, oteljmap.InsideHTTPSpan())
}
