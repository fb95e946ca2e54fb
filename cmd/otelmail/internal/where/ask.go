// Package where asks mail servers what has happened to a message.
package where

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/rusmes/otelmail/cmd/otelmail/internal/reach"
	"github.com/rusmes/otelmail/internal/clean"
)

// The bounds of an answer.
const (
	mostAnswer = 64 << 20 // bytes
	mostString = 2 << 10  // bytes of one text
)

// party, step and message are what is shown of the answer that docs/live-api.md describes.
type party struct{ Domain, Hash, Address string }

type step struct {
	Time   time.Time
	Event  string
	Text   string
	Waited float64 `json:"waited_seconds"`
	Took   float64 `json:"took_seconds"`
	Host   string
	Peer   string
	TLS    string
	Reply  string
	Reason string
	Fault  string
	Trace  string `json:"trace_id"`
}

type message struct {
	QueueID   string `json:"queue_id"`
	MessageID string `json:"message_id"`
	TraceID   string `json:"trace_id"`
	Direction string
	From, To  party
	Size      int64
	Text      string
	Bounce    string
	BounceOf  string `json:"bounce_of"`
	Partial   bool
	Steps     []step
}

type answer struct {
	Messages []json.RawMessage
	Events   []json.RawMessage
	More     bool
	Note     string
	Reach    struct {
		From    *time.Time
		Dropped int64
	}
}

// client asks servers.
type client struct {
	*Config
	http *http.Client
}

func newClient(c *Config) *client { return &client{c, c.access.Client(c.Timeout)} }

// errLater is that others search, too.
var errLater = errors.New("too much is searched for there at once")

// search asks one server, again where it says so, for as long as may be waited for an answer.
// The error does not hold what was searched for.
func (c *client) search(ctx context.Context, server *url.URL, text string) (a answer, err error) {
	for begun := time.Now(); ; {
		if a, err = c.once(ctx, server, text); !errors.Is(err, errLater) || time.Since(begun) >= c.Timeout {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, err
		case <-time.After(time.Second):
		}
	}
}

func (c *client) once(ctx context.Context, server *url.URL, text string) (a answer, err error) {
	body, err := json.Marshal(map[string]string{"query": text})
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.JoinPath("api/v1/messages").String(), bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	said, bad := cleaned(said)
	if resp.StatusCode != http.StatusOK {
		return a, refusal(resp, said)
	}
	if bad == nil {
		bad = json.Unmarshal(said, &a)
	}
	if bad != nil {
		return a, fmt.Errorf("the answer is not that of exporters/live: %w", bad)
	}
	return a, nil
}

// refusal is why a server has answered with something else.
func refusal(resp *http.Response, body []byte) error {
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return reach.ErrUnauthorized
	case http.StatusTooManyRequests:
		return errLater
	case http.StatusNotFound:
		return errors.New("it has no page of exporters/live there")
	}
	var problem struct{ Error string }
	if json.Unmarshal(body, &problem) == nil && problem.Error != "" {
		return fmt.Errorf("it answers %s: %s", clean.Text(resp.Status, mostString), problem.Error)
	}
	return fmt.Errorf("it answers %s", clean.Text(resp.Status, mostString))
}

// cleaned is JSON whose texts can stand on a terminal: strangers have written some of them.
func cleaned(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(cleanValue(v))
}

func cleanValue(v any) any {
	switch v := v.(type) {
	case string:
		return clean.Text(v, mostString)
	case []any:
		for i := range v {
			v[i] = cleanValue(v[i])
		}
	case map[string]any:
		for key, value := range v {
			delete(v, key)
			v[clean.Text(key, mostString)] = cleanValue(value)
		}
	}
	return v
}
