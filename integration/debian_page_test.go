//go:build debian

package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rusmes/otelmail"
	operator "github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/integration/internal/peer"
	"github.com/rusmes/otelmail/mailconv"
)

// An operator looks at the page under traffic, in a real browser.
func TestBrowserShowsThePage(t *testing.T) {
	d := startDemo(t, launch{rate: 5})
	base := "http://" + d.web + "/"
	if !strings.Contains(d.stdout.String(), base+"\n") {
		t.Errorf("the demo does not say where the page is:\n%s", d.stdout.String())
	}
	if err := errors.Join(d.bringLetter(own), d.submit(own, "reject-"+marker+"@partner.example"), d.submit(own, "always-defer-"+marker+"@slow.example")); err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	b.do(chromedp.Navigate(base))
	peer.Eventually(t, patience, func() error {
		if sentence := b.text("#sentence"); !regexp.MustCompile(`^Mail flows: [\d,]+ messages a minute in, [\d,]+ out`).MatchString(sentence) {
			return fmt.Errorf("the sentence is %q", sentence)
		}
		return nil
	})
	if title := b.text("#name"); !strings.HasPrefix(title, "otelmail-demo") {
		t.Errorf("the title is %q", title)
	}
	for _, heading := range []string{"Queue", "Checks", "Certificates", "Disks", "Failures"} {
		if !b.is(`[...document.querySelectorAll("h2")].some(h => h.textContent === "` + heading + `")`) {
			t.Errorf("there is no %s", heading)
		}
	}

	// By an address, and then by the queue id that was found.
	find := func(query, state string) (id string) {
		t.Helper()
		b.do(chromedp.SetValue("#query", query), chromedp.Click("#search button"))
		peer.Eventually(t, patience, func() error {
			found := regexp.MustCompile(`(?m)^\W*(\w+): ` + state + `$`).FindStringSubmatch(b.text("#found"))
			if found == nil {
				if !strings.HasPrefix(b.text("#found"), "Searching") {
					b.do(chromedp.Click("#search button"))
				}
				return fmt.Errorf("%s: nothing is %s in %.400q", query, state, b.text("#found"))
			}
			id = found[1]
			return nil
		})
		return id
	}
	for query, state := range map[string]string{own: "delivered", "reject-" + marker + "@partner.example": "bounced", "always-defer-" + marker + "@slow.example": "expired"} {
		id := find(query, state)
		// The newest that was delivered to us may be a bounce: put into the queue, and delivered.
		if again := find(id, state); again != id || !b.is(`document.querySelectorAll("#found .bar i").length >= 2`) {
			t.Errorf("by its id %s it is %s:\n%s", id, again, b.text("#found"))
		}
	}
	// One that is put off is given up within seconds: each look is at another.
	n := 0
	peer.Eventually(t, patience, func() error {
		n++
		to := fmt.Sprintf("always-defer-%d-%s@slow.example", n, marker)
		if err := d.submit(own, to); err != nil {
			return err
		}
		var found string
		for range 20 {
			b.do(chromedp.SetValue("#query", to), chromedp.Click("#search button"), chromedp.Sleep(100*time.Millisecond))
			if found = b.text("#found"); regexp.MustCompile(`(?m)^\W*\w+: deferred$`).MatchString(found) {
				return nil
			}
		}
		return fmt.Errorf("%s is not deferred in %.400q", to, found)
	})
	find("always-defer-"+marker+"@slow.example", "expired")
	if text := b.text("#found"); !strings.Contains(text, "451 4.3.0") || strings.Count(text, "attempt") < 4 {
		t.Errorf("the attempts are missing in\n%s", text)
	}
	b.do(chromedp.SetValue("#filter [name=event]", "bounced"), chromedp.Click("#filter button"))
	peer.Eventually(t, patience, func() error {
		if !b.is(`document.querySelector("#failures tr") && [...document.querySelectorAll("#failures td:nth-child(2)")].every(e => e.textContent === "bounced")`) {
			return errors.New("the filter does not hold")
		}
		return nil
	})
	// A client that says nothing is the session that is open for longest.
	idle, err := net.Dial("tcp", d.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	b.do(chromedp.SetValue("#sessions-of", "smtp"))
	peer.Eventually(t, patience, func() error {
		if rows := b.text("#sessions"); !regexp.MustCompile(`^SMTP\s+[\d.]{1,4}\x{a0}(s|min)\s+–\s+–\s+–\s+127\.0\.0\.1`).MatchString(rows) {
			return fmt.Errorf("the open sessions are %.300q", rows)
		}
		return nil
	})
	b.shoot("page")
	b.axe()

	// Nobody looks on: nothing is asked for.
	evaluate[bool](b, `Object.defineProperty(document, "hidden", {value: true, configurable: true}); document.dispatchEvent(new Event("visibilitychange")); true`)
	if !b.is(`stream === null`) {
		t.Error("a page that is hidden listens")
	}
	evaluate[bool](b, `delete document.hidden; document.dispatchEvent(new Event("visibilitychange")); true`)
	if !b.is(`stream !== null`) {
		t.Error("a page that is looked at again does not listen")
	}
	b.wantQuiet(base)

	// The end is said.
	d.stop()
	peer.Eventually(t, patience, func() error {
		if sentence := b.text("#sentence"); !strings.HasPrefix(sentence, "The server does not answer; what is below is of ") {
			return fmt.Errorf("the sentence is %q", sentence)
		}
		return nil
	})
}

// The sentence says what is the matter, and then that it is over.
func TestBrowserSaysWhatIsTheMatter(t *testing.T) {
	at := peer.FreeAddresses(t, 1)[0]
	d := startDemo(t, launch{rate: 5, flags: []string{"--trouble", at}})
	b := startBrowser(t)
	b.do(chromedp.Navigate("http://" + d.web + "/"))
	says := func(beginning, level string) {
		t.Helper()
		peer.Eventually(t, 3*patience, func() error {
			if sentence := b.text("#sentence"); !strings.HasPrefix(sentence, beginning) {
				return fmt.Errorf("the sentence is %q, want %q", sentence, beginning)
			}
			return nil
		})
		if !b.is(`document.querySelector("#sentence").className === "level-` + level + `" && document.querySelector("#announcement").textContent !== ""`) {
			t.Errorf("%s: it is not marked, or not announced", beginning)
		}
	}
	change := func(method, trouble string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+at+"/trouble/"+trouble, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, trouble, response.Status)
		}
	}
	says("Mail flows", "ok")
	change(http.MethodPut, "outbound")
	says("Most deliveries fail", "bad")
	change(http.MethodDelete, "outbound")
	says("Mail flows", "ok")
	change(http.MethodPut, "storage")
	says("The check storage fails", "bad")
}

// Whatever strangers write is text, in a process that shows all of it.
func TestBrowserRunsNoStrangersScript(t *testing.T) {
	const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
	server := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithPrivacy(otelmail.PrivacyFull), otelmail.WithService(markup, markup),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }), otelmail.WithExporter(server),
		operator.Serve(operator.WithTraceLink("https://traces.example/{trace_id}")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	facts := otelmail.MessageFacts{QueueID: "Q<b>1</b>", MessageID: "<" + markup + "@x.example>", Sender: markup + "@a.example", Recipient: markup + "@b.example"}
	_, enqueue := tel.Queue.Enqueue(t.Context(), facts)
	enqueue.End(otelmail.CauseNone)
	processing := tel.Mail.Process(t.Context(), facts)
	tel.Mail.Bounced(processing.Context())
	processing.End(otelmail.FateDelivered, otelmail.CauseNone)
	session := tel.SMTP.Session(t.Context(), otelmail.RoleSubmission, otelmail.Conn{})
	session.Command(mailconv.SMTPAuth).Note(otelmail.SMTPFacts{User: markup})
	defer session.End(otelmail.CauseNone)
	base := "http://" + server.Addr().String() + "/"
	b := startBrowser(t)
	b.do(chromedp.Navigate(base), chromedp.SetValue("#query", "Q<b>1</b>"), chromedp.Click("#search button"))
	peer.Eventually(t, patience, func() error {
		if text := b.text("#found") + b.text("#failures"); !strings.Contains(text, "<b>1</b>") || strings.Count(text, "onerror") < 2 || !strings.Contains(b.text("#sessions"), "onerror") {
			return fmt.Errorf("it is not shown:\n%s", text)
		}
		return nil
	})
	if title := b.text("#name"); !strings.Contains(title, "<img") {
		t.Errorf("the name is %q", title)
	}
	if b.is(`document.title === "owned" || document.querySelector("img, main script, b")`) {
		t.Error("markup of a stranger became part of the page")
	}
	if !b.is(`document.querySelector('#found a[href^="https://traces.example/"]')`) {
		t.Error("the trace id leads nowhere")
	}
	b.shoot("hostile")
	b.wantQuiet(base)
}

// Who looks on beside as many as may is shown the page all the same, and told that it is renewed less
// often; and gets the stream when another leaves.
func TestBrowserWhereManyLookOn(t *testing.T) {
	server := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(t.Context(), otelmail.WithoutGlobals(), otelmail.WithService("mymail", "1.2.3"),
		otelmail.WithLookupEnv(func(string) (string, bool) { return "", false }), otelmail.WithExporter(server),
		operator.Serve(operator.WithMaxViewers(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	base := "http://" + server.Addr().String() + "/"
	first, err := http.Get(base + "api/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	b := startBrowser(t)
	b.do(chromedp.Navigate(base))
	says := func(what string, many bool) {
		t.Helper()
		peer.Eventually(t, patience, func() error {
			sentence, when := b.text("#sentence"), b.text("#when")
			if !strings.HasPrefix(sentence, "No mail") || when == "" || strings.HasSuffix(when, "; many look on: this is renewed every 5 seconds") != many {
				return fmt.Errorf("%s: the page says %q, %q", what, sentence, when)
			}
			return nil
		})
	}
	says("one too many", true)
	peer.Eventually(t, patience, func() error {
		if !b.is(`past !== null && plots[0].chart`) {
			return errors.New("nothing is plotted")
		}
		return nil
	})
	tel.Queue.Size.Set(3)
	peer.Eventually(t, patience, func() error {
		if text := b.text("#figures"); !strings.Contains(text, "3 messages") {
			return fmt.Errorf("it is not renewed: %s", text)
		}
		return nil
	})
	first.Body.Close()
	says("a place", false)
}
