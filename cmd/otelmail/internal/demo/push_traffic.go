package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// The phone: it subscribes with its maker's push service, and hands what it gets
// to the mail server. It does so again and again, because subscriptions expire.

// pushLink is where to push to (RFC 8030 section 4).
var pushLink = regexp.MustCompile(`<([^>]*)>; *rel="urn:ietf:params:push"`)

func (t *traffic) pushSubscribe(ctx context.Context, _ int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+t.push+"/subscribe", http.NoBody)
	if err != nil {
		return err
	}
	status, header, _, err := exchange(request, 0)
	if err != nil {
		return err
	}
	link := pushLink.FindStringSubmatch(header.Get("Link"))
	if status != http.StatusCreated || link == nil {
		return fmt.Errorf("the push service answers %d without a link to push to", status)
	}
	endpoint, err := url.Parse(link[1])
	if err != nil {
		return err
	}
	t.subscribe(request.URL.ResolveReference(endpoint))
	return nil
}

// exchange makes one request on a connection of its own, which it keeps for a while:
// one of a few milliseconds would never be seen open.
func exchange(request *http.Request, keep time.Duration) (status int, header http.Header, body []byte, err error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	select {
	case <-time.After(keep):
	case <-request.Context().Done():
	}
	return response.StatusCode, response.Header, body, err
}
