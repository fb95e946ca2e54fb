package main

import (
	"context"
	"encoding/json"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

// api answers the API requests.
type api struct{ tracer trace.Tracer }

// invocation is a method call or its response: name, arguments, call id.
type invocation [3]any

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Using       []string             `json:"using"`
		MethodCalls [][3]json.RawMessage `json:"methodCalls"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request); err != nil {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "urn:ietf:params:jmap:error:notRequest", "status": http.StatusBadRequest})
		return
	}
	responses := []invocation{}
	for _, c := range request.MethodCalls {
		var method, id string
		_, _ = json.Unmarshal(c[0], &method), json.Unmarshal(c[2], &id) // what is no string is no method
		// otelmail: the call's span, below which is what the call does.
		call := oteljmap.StartCall(r.Context(), otelmail.JMAPFacts{Method: method, CallID: id})
		result, failure := a.call(call.Context(), method, c[1])
		call.End(failure)
		if failure != "" {
			method, result = "error", map[string]any{"type": failure}
		}
		responses = append(responses, invocation{method, result, id})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"methodResponses": responses, "sessionState": "0"}) // a client that has gone
}

// call runs a method, and returns its result or the type of the error.
func (a *api) call(ctx context.Context, method string, arguments json.RawMessage) (result any, failure string) {
	switch method {
	case "Core/echo":
		return arguments, ""
	case "Mailbox/get":
		_, span := a.tracer.Start(ctx, "read mailboxes") // a span of the program's own, below the call's
		inbox := map[string]any{"id": "m1", "name": "Inbox", "role": "inbox"}
		span.End()
		return map[string]any{"accountId": "a1", "state": "0", "list": []any{inbox}, "notFound": []string{}}, ""
	}
	return nil, "unknownMethod"
}

// session says where the API is (RFC 8620 section 2).
func session(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"capabilities": map[string]any{"urn:ietf:params:jmap:core": map[string]any{}, "urn:ietf:params:jmap:mail": map[string]any{}},
		"accounts":     map[string]any{"a1": map[string]any{"name": "bob@example.org", "isPersonal": true}},
		"apiUrl":       "/jmap/api",
		"state":        "0",
	})
}
