package live

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rusmes/otelmail/exporters/live/internal/life"
)

// Whoever asks too often waits, is told to come later, and keeps nobody else waiting for long.
func TestPace(t *testing.T) {
	t.Parallel()
	p := newPace()
	const cost = 20 * time.Millisecond
	work := func() error { time.Sleep(cost); return nil }
	// What may be taken at once: a person does not wait.
	begun := time.Now()
	for range int(paceBurst / cost / 2) {
		if err := p.do(t.Context(), "person", work); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("what may be taken at once took %v", took)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { _ = p.do(t.Context(), "program", func() error { close(held); <-hold; return nil }) })
	<-held
	ran := make(chan string, 100)
	ask := func(from string) {
		all.Go(func() {
			if err := p.do(t.Context(), from, func() error { ran <- from; return nil }); err != nil {
				ran <- from + " is refused"
			}
		})
	}
	waiting := func(n int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			p.mu.Lock()
			now := p.all
			p.mu.Unlock()
			if now == n {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d wait, want %d", now, n)
			}
		}
	}
	for i := range mostEach - 1 {
		ask("program")
		waiting(i + 2)
	}
	if err := p.do(t.Context(), "program", work); !errors.Is(err, errTooMany) {
		t.Errorf("one too many: %v", err)
	}
	ask("person")
	waiting(mostEach + 1)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := p.do(gone, "person", work); !errors.Is(err, context.Canceled) {
		t.Errorf("who has left: %v", err)
	}
	close(hold)
	all.Wait()
	close(ran)
	served := map[string]int{}
	for from := range ran {
		served[from]++
	}
	if len(p.by) != 0 || p.all != 0 || !maps.Equal(served, map[string]int{"program": mostEach - 1, "person": 1}) {
		t.Errorf("%v are served, %d are left: %v", served, p.all, p.by)
	}
	// For long it is a share of one core.
	p = newPace()
	p.budget.ReserveN(time.Now(), int(paceBurst))
	p.budget.ReserveN(time.Now(), int(cost))
	begun = time.Now()
	if err := p.do(t.Context(), "person", work); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took < time.Duration(float64(cost)/paceShare)/2 {
		t.Errorf("after 20 ms too much it rests for %v", took)
	}
}

// A program that asks too much is told so, and when to ask again.
func TestTooManySearches(t *testing.T) {
	_, server := served(t, life.Config{}, io.Discard)
	for range mostEach {
		server.pace.enter("127.0.0.1")
	}
	for _, search := range []bool{true, false} {
		method, path, body := http.MethodGet, "failures", ""
		if search {
			method, path, body = http.MethodPost, "messages", `{"query":"Q1"}`
		}
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/api/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "1" ||
			string(said) != `{"error":"too much is searched for at once: ask again in a second"}`+"\n" {
			t.Errorf("%s: %d %v %s", path, res.StatusCode, res.Header, said)
		}
	}
	server.pace.leave("127.0.0.1")
	if status, _ := ask(t, http.MethodPost, server.URL+"/api/v1/messages", "application/json", `{"query":"Q1"}`); status != http.StatusOK {
		t.Errorf("later: %d", status)
	}
}

// Who asks is told apart by what one customer has at least.
func TestAsker(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:1": "192.0.2.1", "[2001:db8::1]:1": "2001:db8::/64",
		"[2001:db8::ffff:2%eth0]:1": "2001:db8::/64", "[2001:db8:0:1::1]:1": "2001:db8:0:1::/64", "@": "@", "": "",
	} {
		if got := asker(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

// A disk that hangs costs the page a second, and not what a collection may take.
func TestBlameIsBounded(t *testing.T) {
	b := blamer{failures: func(ctx context.Context, _ life.Filter) ([]life.Step, time.Time, error) {
		if end, bounded := ctx.Deadline(); !bounded || time.Until(end) > blameTime {
			t.Errorf("bounded %v: %v", bounded, end)
		}
		return nil, time.Time{}, context.DeadlineExceeded
	}}
	if domain, answer := b.blame(t.Context(), time.Now(), time.Now()); domain+answer != "" {
		t.Errorf("blames %q, %q", domain, answer)
	}
}

// What many ask for at once is made once, and what fails is not kept.
func TestShared(t *testing.T) {
	s := newShared()
	var made atomic.Int64
	begin := make(chan struct{})
	body := strings.Repeat("answer ", 1000)
	serve := func(key string, gzipped bool, answer func() ([]byte, error)) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		if gzipped {
			r.Header.Set("Accept-Encoding", "gzip")
		}
		s.serve(w, r, key, answer)
		return w
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			w := serve("one", i%2 == 0, func() ([]byte, error) { <-begin; made.Add(1); return []byte(body), nil })
			got := w.Body.String()
			if i%2 == 0 {
				z, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Error(err)
					return
				}
				plain, _ := io.ReadAll(z)
				got = string(plain)
			}
			if w.Code != 200 || got != body || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%d %.40q %v", w.Code, got, w.Header())
			}
		})
	}
	close(begin)
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	for name, wrong := range map[string]func() ([]byte, error){
		"fails": func() ([]byte, error) { return nil, errors.New("live: the disk is away") }, "panics": func() ([]byte, error) { panic("canary") },
	} {
		if w := serve(name, true, wrong); w.Code != 503 || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := serve(name, false, func() ([]byte, error) { return []byte("better"), nil }); w.Body.String() != "better" {
			t.Errorf("%s, then: %d %s", name, w.Code, w.Body)
		}
	}
	for i := range 10 * mostKept {
		serve(fmt.Sprint(i), true, func() ([]byte, error) { return nil, nil })
	}
	if len(s.kept) > mostKept {
		t.Errorf("%d are kept", len(s.kept))
	}
}
