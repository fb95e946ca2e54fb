//go:build soak

package integration

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
)

// hostile is hostile traffic, until end is called.
type hostile struct {
	demo *demo
	stop chan struct{}
	wg   sync.WaitGroup

	domains, junk, scrapes, failed atomic.Int64
	failure                        atomic.Value // what the last failed scrape said
}

func beHostile(d *demo) *hostile {
	h := &hostile{demo: d, stop: make(chan struct{})}
	h.repeat(2, 110*time.Millisecond, func() { h.domains.Add(d.sendToRandomDomains(10, 50, "X-Spam: yes")) })
	h.repeat(1, time.Second, func() { h.domains.Add(d.sendToRandomDomains(1, 10)) })
	for _, attack := range []func(){d.junkSMTP, d.junkLetter, d.junkIMAP, d.junkPOP3, d.junkJMAP} {
		h.repeat(1, 100*time.Millisecond, func() { attack(); h.junk.Add(1) })
	}
	h.repeat(2, 50*time.Millisecond, func() {
		h.scrapes.Add(1)
		if err := d.scrape(); err != nil {
			h.failed.Add(1)
			h.failure.Store(err.Error())
		}
	})
	return h
}

func (h *hostile) end() {
	close(h.stop)
	h.wg.Wait()
}

// repeat makes n clients do it over and over, each with a pause in between.
func (h *hostile) repeat(n int, pause time.Duration, do func()) {
	for range n {
		h.wg.Go(func() {
			for {
				do()
				select {
				case <-h.stop:
					return
				case <-time.After(pause):
				}
			}
		})
	}
}

// sendToRandomDomains submits messages in one session, each to domains never seen
// before, and returns how many domains. The demo accepts mail with X-Spam: yes and
// discards it: other mail would cost a delivery with TLS for each domain.
func (d *demo) sendToRandomDomains(messages, recipients int, extra ...string) (domains int64) {
	client, err := d.startTLS()
	if err != nil {
		return 0
	}
	defer client.Close()
	if client.Auth(sasl.NewPlainClient("", user, password)) != nil {
		return 0
	}
	for range messages {
		to := make([]string, recipients)
		for i := range to {
			to[i] = fmt.Sprintf("x@%x.random.example", rand.Uint64())
		}
		if client.SendMail(own, to, strings.NewReader(letter(own, to[0], "Hello.", extra...))) != nil {
			break
		}
		domains += int64(recipients)
		time.Sleep(50 * time.Millisecond)
	}
	_ = client.Quit()
	return domains
}

// junk is a line of random bytes.
func junk() string {
	b := make([]byte, 1+rand.IntN(300))
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(string(b))
}

// Random bytes in every field of every protocol. The answers do not matter: the server must
// live, and all telemetry about this must be clean.

func (d *demo) junkSMTP() {
	_ = d.say("EHLO "+junk()+" | 250", "MAIL FROM:<"+junk()+">", "RCPT TO:<"+junk()+"@"+junk()+">",
		"AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte(junk())), junk(), "QUIT | 221")
}

func (d *demo) junkLetter() {
	_ = d.bring(own, "From: "+junk()+"\r\nTo: "+junk()+"\r\nSubject: "+junk()+"\r\nMessage-ID: <"+junk()+">\r\nTraceparent: "+junk()+
		"\r\n"+junk()+": "+junk()+"\r\n\r\n"+junk()+"\r\n")
}

func (d *demo) junkIMAP() {
	lines(d.imap, "a LOGIN \""+junk()+"\" \""+junk()+"\"", "b SELECT "+junk(), junk(), "c "+junk(), "d LOGOUT")
}

func (d *demo) junkPOP3() {
	lines(d.pop3, "USER "+junk(), "PASS "+junk(), junk(), "QUIT")
}

func (d *demo) junkJMAP() {
	for _, body := range []string{junk(), `{"using":["` + junk() + `"],"methodCalls":[["` + junk() + `",{},"` + junk() + `"]]}`} {
		request, err := http.NewRequest(http.MethodPost, "http://"+d.jmap+"/jmap/api", strings.NewReader(body))
		if err != nil {
			continue
		}
		request.SetBasicAuth(user, password)
		request.Header.Set("Content-Type", "application/json")
		if resp, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
}

// lines sends everything at once and reads until the server hangs up.
func lines(address string, say ...string) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(5*time.Second)) != nil {
		return
	}
	if _, err := io.WriteString(conn, strings.Join(say, "\r\n")+"\r\n"); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

func (d *demo) scrape() error {
	resp, err := http.Get("http://" + d.web + "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
