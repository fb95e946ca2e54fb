package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/oteljmap"
)

// jmapRequest is a request (RFC 8620 section 3.3).
type jmapRequest struct {
	using   []string
	calls   []invocation
	created map[string]string // nil if the client did not send it
}

// invocation is a method call or its response: a tuple of three (section 3.2).
type invocation struct {
	name string
	args json.RawMessage
	id   string
}

// MarshalJSON implements [json.Marshaler].
func (i invocation) MarshalJSON() ([]byte, error) { return json.Marshal([]any{i.name, i.args, i.id}) }

// UnmarshalJSON implements [json.Unmarshaler].
func (i *invocation) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("%d elements, want 3", len(parts))
	}
	if !isObject(parts[1]) {
		return errors.New("the arguments are no object")
	}
	i.args = parts[1]
	return errors.Join(unmarshalString(parts[0], &i.name), unmarshalString(parts[2], &i.id))
}

// api answers POST /jmap/api.
func (s *jmapServer) api(w http.ResponseWriter, r *http.Request) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		p := jmapProblem("limit", "Too many requests at once")
		p.Limit = "maxConcurrentRequests"
		refuse(w, *p)
		return
	}
	request, p := readJMAPRequest(r)
	if p != nil {
		refuse(w, *p)
		return
	}
	response := struct {
		Responses []invocation      `json:"methodResponses"`
		Created   map[string]string `json:"createdIds,omitempty"`
		State     string            `json:"sessionState"`
	}{s.run(r.Context(), request), request.created, sessionState}
	s.write(w, http.StatusOK, "application/json", response)
}

func readJMAPRequest(r *http.Request) (*jmapRequest, *problem) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, jmapProblem("notJSON", "The content type must be application/json")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, jmapRequestSize+1))
	if err != nil {
		return nil, jmapProblem("notJSON", "The request is not complete")
	}
	return parseJMAPRequest(body)
}

// parseJMAPRequest tells what is no JSON from what is no request, by exact
// names: encoding/json itself would also take "USING".
func parseJMAPRequest(body []byte) (*jmapRequest, *problem) {
	if len(body) > jmapRequestSize {
		p := jmapProblem("limit", fmt.Sprintf("A request may have %d bytes", jmapRequestSize))
		p.Limit = "maxSizeRequest"
		return nil, p
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, jmapProblem("notJSON", "The body is not JSON (RFC 7493)")
	}
	var fields map[string]json.RawMessage
	request := &jmapRequest{}
	err := json.Unmarshal(body, &fields)
	if err == nil {
		err = errors.Join(
			unmarshalArray(fields["using"], &request.using),
			unmarshalArray(fields["methodCalls"], &request.calls))
	}
	if created, ok := fields["createdIds"]; ok && err == nil {
		err = json.Unmarshal(created, &request.created)
	}
	if err != nil {
		return nil, jmapProblem("notRequest", "The body is not a Request object (RFC 8620 section 3.3)")
	}
	for _, capability := range request.using {
		if capability != jmapCore && capability != jmapMail {
			return nil, jmapProblem("unknownCapability", fmt.Sprintf("%.100q is not offered: want %s and %s", capability, jmapCore, jmapMail))
		}
	}
	if len(request.calls) > jmapCalls {
		p := jmapProblem("limit", fmt.Sprintf("A request may have %d calls", jmapCalls))
		p.Limit = "maxCallsInRequest"
		return nil, p
	}
	return request, nil
}

// methodError is an error of a method call (RFC 8620 section 3.6.2).
type methodError struct {
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// Error implements error.
func (e *methodError) Error() string { return e.Type + ": " + e.Description }

func invalidArguments(format string, values ...any) *methodError {
	return &methodError{"invalidArguments", fmt.Sprintf(format, values...)}
}

// run makes the calls one after the other, each in a span of its own.
func (s *jmapServer) run(ctx context.Context, request *jmapRequest) []invocation {
	reading := &jmapReading{server: s}
	defer reading.close()
	responses := make([]invocation, 0, len(request.calls))
	for _, call := range request.calls {
		span := oteljmap.StartCall(ctx, otelmail.JMAPFacts{Method: call.name, CallID: call.id})
		result, err := s.runCall(reading, request.using, call, responses)
		var text json.RawMessage
		if err == nil {
			text, err = json.Marshal(result)
		}
		failed, ok := errors.AsType[*methodError](err)
		switch {
		case err == nil:
			responses = append(responses, invocation{call.name, text, call.id})
			span.End("")
			continue
		case !ok:
			s.log.ErrorContext(span.Context(), "JMAP call", "error", err)
			failed = &methodError{Type: "serverFail"}
		}
		text, _ = json.Marshal(failed) // two strings: it cannot fail
		responses = append(responses, invocation{"error", text, call.id})
		span.End(failed.Type)
	}
	return responses
}

func (s *jmapServer) runCall(reading *jmapReading, using []string, call invocation, before []invocation) (any, error) {
	method, ok := jmapMethods[call.name]
	if !ok || !slices.Contains(using, method.capability) {
		return nil, &methodError{Type: "unknownMethod"}
	}
	args, err := resolved(call.args, before)
	if err != nil {
		return nil, err
	}
	return method.run(reading, args)
}

// unmarshalArguments reads a call's arguments: what a method does not know is
// not allowed.
func unmarshalArguments(args json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(args))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return invalidArguments("%v", err)
	}
	return nil
}

func isObject(text json.RawMessage) bool { return len(text) > 0 && text[0] == '{' }

// unmarshalArray and unmarshalString do not take null, as encoding/json does.
func unmarshalArray[T any](text json.RawMessage, into *[]T) error {
	if len(text) == 0 || text[0] != '[' {
		return errors.New("not an array")
	}
	return json.Unmarshal(text, into)
}

func unmarshalString(text json.RawMessage, into *string) error {
	if len(text) == 0 || text[0] != '"' {
		return errors.New("not a string")
	}
	return json.Unmarshal(text, into)
}
