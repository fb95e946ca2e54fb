package demo

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rusmes/otelmail"
)

// notifier tells a subscribed client over Web Push (RFC 8030) that mail has come.
//
// What is simplified: there is one subscription, kept in memory, which the
// client hands over by a function call and not by PushSubscription/set with its
// verification (RFC 8620 section 7.2); a notification has no content, as RFC
// 8030 section 5 allows, so there is nothing to encrypt (RFC 8291); and the
// server does not name itself to the push service (RFC 8292).
type notifier struct {
	tel    *otelmail.Telemetry
	log    *slog.Logger
	client *http.Client
	pause  time.Duration // before the second attempt

	waiting chan context.Context // one for each notification, with its trace
	sending sync.WaitGroup
	cancel  context.CancelFunc

	mu       sync.Mutex
	endpoint *url.URL // nil while nobody is subscribed
}

const (
	pushWaiting  = 100 // notifications that may wait; more are given up
	pushAttempts = 2
	pushTimeout  = 5 * time.Second // of one attempt
	pushPause    = 100 * time.Millisecond
	pushTTL      = "60" // seconds that the service may keep it (RFC 8030 section 5.2)
)

func startNotifier(tel *otelmail.Telemetry, log *slog.Logger) *notifier {
	ctx, cancel := context.WithCancel(context.Background())
	n := &notifier{
		tel: tel, log: log, pause: pushPause, cancel: cancel,
		waiting: make(chan context.Context, pushWaiting),
		client: &http.Client{
			Timeout:   pushTimeout,
			Transport: &http.Transport{},
			// A push service that sends us elsewhere sends us anywhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	n.sending.Go(func() { n.run(ctx) })
	return n
}

// subscribe has notifications from now on sent to endpoint, and to no other.
func (n *notifier) subscribe(endpoint *url.URL) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.endpoint = endpoint
}

// subscribed returns nil while nobody is.
func (n *notifier) subscribed() *url.URL {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.endpoint
}

// expired forgets a subscription, unless there is a new one.
func (n *notifier) expired(endpoint *url.URL) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.endpoint == endpoint {
		n.endpoint = nil
	}
}

// mailHasCome notifies who is subscribed. It does not wait: a push service that
// is away must not hold up the mail. ctx is that of the delivery, whose trace
// goes on.
func (n *notifier) mailHasCome(ctx context.Context) {
	if n.subscribed() == nil {
		return
	}
	select {
	case n.waiting <- context.WithoutCancel(ctx):
	default:
		n.tel.WebPush.GaveUp()
	}
}

func (n *notifier) run(ctx context.Context) {
	for trace := range n.waiting {
		trace, cancel := context.WithCancel(trace)
		unhook := context.AfterFunc(ctx, cancel)
		n.notify(trace)
		unhook()
		cancel()
	}
}

// notify sends one notification: a second time if the first may have failed for
// a moment only.
func (n *notifier) notify(ctx context.Context) {
	for number := 1; ; number++ {
		endpoint := n.subscribed()
		if endpoint == nil {
			n.tel.WebPush.GaveUp() // it expired while this one waited
			return
		}
		last := number == pushAttempts || ctx.Err() != nil
		attempt := n.tel.WebPush.Attempt(ctx, endpoint.Hostname())
		status, err := n.post(attempt.Context(), endpoint)
		reply := otelmail.WebPushReply{Status: status, Cause: otelmail.CauseOf(err)}
		again := false
		if last && reply.Temporary() {
			attempt.EndAs(otelmail.OutcomeFailed, reply)
		} else {
			again = attempt.End(reply) == otelmail.OutcomeDeferred
		}
		n.log.InfoContext(attempt.Context(), "push", "host", endpoint.Hostname(), "attempt", number, "status", status)
		if status == http.StatusNotFound || status == http.StatusGone {
			n.expired(endpoint)
		}
		if !again {
			return
		}
		select {
		case <-time.After(n.pause):
		case <-ctx.Done(): // the attempt that follows says so
		}
	}
}

// post sends an empty notification; the status is 0 if there was no answer.
func (n *notifier) post(ctx context.Context, endpoint *url.URL) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("TTL", pushTTL)
	request.Header.Set("Urgency", "normal")
	response, err := n.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 4096) // so that the connection can be used again
	return response.StatusCode, nil
}

// stop sends what waits until ctx ends, and gives up the rest. Nobody may call
// mailHasCome any more.
func (n *notifier) stop(ctx context.Context) {
	close(n.waiting)
	defer context.AfterFunc(ctx, n.cancel)()
	n.sending.Wait()
	n.cancel()
	n.client.CloseIdleConnections()
}
