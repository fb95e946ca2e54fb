package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// The local user over JMAP. The session object says where to go, as it does for
// every JMAP client.

func (t *traffic) jmapEcho(ctx context.Context, n int) error {
	responses, err := t.jmapCall(ctx, []any{"Core/echo", map[string]int{"n": n}, "0"})
	return jmapWant(responses, err, "Core/echo")
}

// jmapRead looks at the newest messages: what the query finds is fetched in the
// same request.
func (t *traffic) jmapRead(ctx context.Context, _ int) error {
	type object map[string]any
	responses, err := t.jmapCall(ctx,
		[]any{"Mailbox/get", object{"accountId": t.user, "ids": nil}, "boxes"},
		[]any{"Email/query", object{"accountId": t.user, "limit": 10, "sort": []object{{"property": "receivedAt", "isAscending": false}}}, "newest"},
		[]any{"Email/get", object{
			"accountId": t.user, "properties": []string{"from", "subject", "preview", "receivedAt"},
			"#ids": object{"resultOf": "newest", "name": "Email/query", "path": "/ids"},
		}, "mail"})
	return jmapWant(responses, err, "Mailbox/get", "Email/query", "Email/get")
}

func (t *traffic) jmapUnknownMethod(ctx context.Context, _ int) error {
	responses, err := t.jmapCall(ctx, []any{"Calendar/get", map[string]any{"accountId": t.user}, "0"})
	return jmapWant(responses, err, "error")
}

func (t *traffic) jmapMalformed(ctx context.Context, _ int) error {
	status, body, err := t.jmapPost(ctx, []byte(`{"using": [`))
	if err == nil && status != http.StatusBadRequest {
		err = fmt.Errorf("not refused: %d %.100s", status, body)
	}
	return err
}

// jmapWant compares the names of responses.
func jmapWant(responses []invocation, err error, names ...string) error {
	if err != nil {
		return err
	}
	if len(responses) != len(names) {
		return fmt.Errorf("%d responses, want %d", len(responses), len(names))
	}
	for i, name := range names {
		if responses[i].name != name {
			return fmt.Errorf("response %d is %s, want %s: %.200s", i, responses[i].name, name, responses[i].args)
		}
	}
	return nil
}

// jmapCall makes calls in one request.
func (t *traffic) jmapCall(ctx context.Context, calls ...any) ([]invocation, error) {
	request, err := json.Marshal(map[string]any{"using": []string{jmapCore, jmapMail}, "methodCalls": calls})
	if err != nil {
		return nil, err
	}
	status, body, err := t.jmapPost(ctx, request)
	if err != nil {
		return nil, err
	}
	var response struct {
		MethodResponses []invocation `json:"methodResponses"`
	}
	if err := json.Unmarshal(body, &response); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("JMAP answers %d %.100s: %w", status, body, err)
	}
	return response.MethodResponses, nil
}

// jmapPost reads the session object and posts to where that says.
func (t *traffic) jmapPost(ctx context.Context, body []byte) (status int, answer []byte, err error) {
	status, answer, err = t.jmapHTTP(ctx, http.MethodGet, "http://"+t.jmap+"/.well-known/jmap", nil)
	var session struct {
		APIURL string `json:"apiUrl"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &session)
	}
	if err != nil {
		return status, nil, fmt.Errorf("JMAP session: %d: %w", status, err)
	}
	return t.jmapHTTP(ctx, http.MethodPost, session.APIURL, bytes.NewReader(body))
}

func (t *traffic) jmapHTTP(ctx context.Context, method, url string, body io.Reader) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	request.SetBasicAuth(t.user, t.password)
	request.Header.Set("Content-Type", "application/json")
	status, _, answer, err = exchange(request, slowLine)
	return status, answer, err
}
