package flood

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/rusmes/otelmail"
	operator "github.com/rusmes/otelmail/exporters/live"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
	"github.com/rusmes/otelmail/mailconv"
)

const (
	lookers  = 200
	slow     = 20 // of these read 1 KB a second, of some 5 that are sent
	asleep   = 20 // and these read nothing at all
	searches = 1000
	known    = 30_000          // ids that the server gives to its messages, over and over
	settle   = 4 * time.Second // what searches may take at once is spent by then
)

// page is a mail server with the page, on which each message goes through a queue.
func page() {
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(context.Background(), otelmail.WithExporter(s), operator.Serve(operator.WithMaxViewers(lookers)),
		otelmail.WithErrorHandler(func(err error) { fmt.Fprintln(os.Stderr, err) }))
	must(err)
	q := &queued{tel: tel}
	for range known {
		q.pass(context.Background())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(l.Addr(), s.Addr(), cannedPage())
	must(otelsmtp.NewServer(tel, smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return queuing{queue: q, conn: c}, nil
	}))).Serve(l))
}

// queued hands each message to a queue and delivers it at once.
type queued struct {
	tel *otelmail.Telemetry
	n   atomic.Int64
}

func (q *queued) pass(ctx context.Context) {
	n := q.n.Add(1) % known
	facts := otelmail.MessageFacts{QueueID: fmt.Sprint("Q", n), MessageID: fmt.Sprintf("<%d@one.example>", n),
		Sender: fmt.Sprintf("a%d@one.example", n%100), Recipient: fmt.Sprintf("b%d@two.example", n), Size: 1024, Direction: mailconv.Outbound}
	m, queueing := q.tel.Queue.Enqueue(ctx, facts)
	queueing.End(otelmail.CauseNone)
	work := q.tel.Queue.Dequeue(ctx, m, facts)
	about := m.Attempt(otelmail.TransportSMTP, facts.Recipient)
	about.Server, about.Message = "mx.two.example", facts
	q.tel.Delivery.Attempt(work.Context(), about).End(otelmail.Reply{Code: 250})
	work.End(otelmail.CauseNone)
}

type queuing struct {
	discards
	queue *queued
	conn  *smtp.Conn
}

func (s queuing) Data(r io.Reader) error {
	if err := s.discards.Data(r); err != nil {
		return err
	}
	s.queue.pass(otelsmtp.Context(s.conn))
	return nil
}

// cannedPage is the least that a server of HTTP in this process can do with who looks on and
// searches: it answers as many bytes.
func cannedPage() net.Addr {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	message, answer := []byte("event: sample\ndata: "+strings.Repeat("x", 5000)+"\n\n"), []byte(strings.Repeat("x", 1500))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		out := http.NewResponseController(w)
		for tick := time.Tick(time.Second); r.Context().Err() == nil; {
			_ = out.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := w.Write(message); err != nil || out.Flush() != nil {
				return
			}
			<-tick
		}
	})
	mux.HandleFunc("POST /api/v1/messages", func(w http.ResponseWriter, r *http.Request) {
		var body any
		_ = json.NewDecoder(r.Body).Decode(&body)
		_, _ = w.Write(answer)
	})
	rest := []byte(strings.Repeat("x", 20_000))
	mux.HandleFunc("GET /api/v1/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(rest) })
	go func() { must(http.Serve(l, mux)) }() //nolint:gosec // for a test
	return l.Addr()
}

// looked is what happened to those who looked on and searched.
type looked struct {
	Messages int64         // of streams
	Refused  int64         // streams
	Cut      int64         // streams that ended
	Found    int64         // answers with a message
	None     int64         // and without
	Later    int64         // searches that were to be asked again later
	Failed   int64         // with any other answer, or none
	Person   int64         // searches of a person
	Waited   time.Duration // for the slowest of these
}

// look looks on and searches until its standard input ends, and then says what came of it.
func look(address string) {
	var l looked
	fmt.Println("ready")
	for i := range 5 {
		from := net.IPv4(127, 0, 0, byte(2+i))
		client := clientFrom(from, 4) // of the 256 connections that the endpoint has
		for n := i; n < lookers; n += 5 {
			go l.watch(address, from, client, n)
		}
	}
	go l.search(address)
	go l.person(address)
	_, _ = io.Copy(io.Discard, os.Stdin)
	must(json.NewEncoder(os.Stdout).Encode(l.copy()))
}

var looking sync.Mutex // guards a looked

func (l *looked) copy() looked {
	looking.Lock()
	defer looking.Unlock()
	return *l
}

func (l *looked) count(of *int64) {
	looking.Lock()
	*of++
	looking.Unlock()
}

// watch looks on, again and again as a browser does, which asks for the rest of the page as well.
func (l *looked) watch(address string, from net.IP, client *http.Client, i int) {
	go func() {
		for n := 0; ; n++ {
			paths := []string{"sessions"} // each 5 s, and the others each 15 s
			if n%3 == 0 {
				paths = append(paths, "history", "failures")
			}
			for _, path := range paths {
				if status, err := get(client, "http://"+address+"/api/v1/"+path, "", ""); err != nil || status != http.StatusOK {
					l.count(&l.Failed)
				}
			}
			time.Sleep(5 * time.Second)
		}
	}()
	for ; ; time.Sleep(5 * time.Second) {
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).Dial("tcp", address)
		if err != nil {
			l.count(&l.Refused)
			continue
		}
		if i < slow+asleep {
			_ = c.(*net.TCPConn).SetReadBuffer(4096)
		}
		fmt.Fprintf(c, "GET /api/v1/stream HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		r := bufio.NewReaderSize(c, 1024)
		if status, err := r.ReadString('\n'); err != nil || !strings.Contains(status, " 200 ") {
			l.count(&l.Refused)
			c.Close()
			continue
		}
		switch {
		case i < asleep:
			time.Sleep(20 * time.Second)
		case i < slow+asleep:
			for _, err := r.ReadByte(); err == nil; _, err = r.Discard(1024) {
				time.Sleep(time.Second)
			}
		default:
			for line, err := r.ReadSlice('\n'); err == nil || err == bufio.ErrBufferFull; line, err = r.ReadSlice('\n') { //nolint:errorlint // bufio returns it as it is
				if bytes.HasPrefix(line, []byte("event: sample")) {
					l.count(&l.Messages)
				}
			}
		}
		l.count(&l.Cut)
		c.Close()
	}
}

// search searches by the clock, each in a goroutine: what is not answered keeps no other from
// being sent. Half of it is there.
func (l *looked) search(address string) {
	client := clientFrom(net.IPv4(127, 0, 0, 9), 24)
	for range time.Tick(10 * time.Millisecond) {
		for range searches / 100 {
			go func() { l.asked(ask(client, address)) }()
		}
	}
}

// person searches at a person's pace, elsewhere.
func (l *looked) person(address string) {
	client := clientFrom(net.IPv4(127, 0, 0, 8), 1)
	for range time.Tick(500 * time.Millisecond) {
		begun := time.Now()
		status, _ := ask(client, address)
		looking.Lock()
		if l.Person++; status != http.StatusOK {
			l.Failed++
		}
		l.Waited = max(l.Waited, time.Since(begun))
		looking.Unlock()
	}
}

// clientFrom keeps so many connections; with 0 each request has a new one.
func clientFrom(ip net.IP, connections int) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableKeepAlives: connections == 0}}
}

// ask searches for anything; the status is 0 where there is no answer.
func ask(client *http.Client, address string) (status int, body []byte) {
	n := rand.IntN(2 * known)
	text := []string{fmt.Sprint("Q", n), fmt.Sprintf("<%d@one.example>", n), fmt.Sprintf("b%d@two.example", n)}[rand.IntN(3)]
	res, err := client.Post("http://"+address+"/api/v1/messages", "application/json", strings.NewReader(fmt.Sprintf("{%q:%q}", "query", text)))
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		return 0, nil
	}
	return res.StatusCode, body
}

func (l *looked) asked(status int, body []byte) {
	switch {
	case status == http.StatusTooManyRequests:
		l.count(&l.Later)
	case status != http.StatusOK:
		l.count(&l.Failed)
	case bytes.Contains(body, []byte(`"messages":[]`)):
		l.count(&l.None)
	default:
		l.count(&l.Found)
	}
}

// lookOn has them look on and search while during runs.
func lookOn(t *testing.T, address string, during func()) (l looked) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childVar+"=looker "+address), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	out := bufio.NewReader(pipe)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	during()
	in.Close()
	if err := json.NewDecoder(out).Decode(&l); err != nil {
		t.Fatal(err)
	}
	return l
}

// memory is what a process has of it, in MiB.
func memory(t *testing.T, pid int) (now float64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(after, &now); err != nil {
		t.Fatal(err)
	}
	return now / 1024
}

// TestViewers compares the mail in turns: with 200 who look on and a thousand searches a second
// at a handler in the mail server's process that answers them with canned bytes, and at the page.
// Of who looks on some are slow and some do not read.
func TestViewers(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc here")
	}
	line, pid := child(t, "page")
	addresses := strings.Fields(line)
	smtpAddress, page, canned := addresses[0], addresses[1], addresses[2]
	mail(t, smtpAddress) // warms up, and wraps what is kept
	for _, to := range []string{canned, page} {
		before := memory(t, pid)
		lookOn(t, to, func() {
			time.Sleep(settle)
			t.Logf("who looks on and searches costs %.3f cores with the page %v, and %.0f MiB beside %.0f", cores(t, pid), to == page, memory(t, pid)-before, before)
		})
	}
	var ratios, alone, cost []float64
	// measure is the speed of the mail, and the CPU time that the server's process takes for a
	// message and all that it does meanwhile: other work on the machine changes that little.
	measure := func() (speed, each float64) {
		before, begun := used(t, pid), time.Now()
		speed = mail(t, smtpAddress)
		return speed, (used(t, pid) - before) / (speed * time.Since(begun).Seconds())
	}
	for round := range *rounds {
		var apart, here, eachApart, eachHere float64
		var l looked
		quiet := mail(t, smtpAddress)
		turns := []func(){
			func() {
				lookOn(t, canned, func() { time.Sleep(settle); apart, eachApart = measure() })
			},
			func() {
				l = lookOn(t, page, func() { time.Sleep(settle); here, eachHere = measure() })
			},
		}
		turns[round%2]()
		turns[1-round%2]()
		ratios, alone, cost = append(ratios, here/apart), append(alone, here/quiet), append(cost, eachApart/eachHere)
		t.Logf("%.0f messages a second with nobody, %.0f with canned answers, %.0f with the page: %+v", quiet, apart, here, l)
		// Whether an answer is late is for the clock of a quiet machine.
		if l.Messages == 0 || l.Found == 0 || l.None == 0 || l.Person == 0 || *rounds > 1 && l.Refused+l.Failed > 0 {
			t.Errorf("not everybody was served: %+v", l)
		}
	}
	t.Logf("mail at %.3f of its speed with canned answers, %.3f of that with nobody; by CPU time %.3f; %.0f MiB", median(ratios), median(alone), median(cost), memory(t, pid))
}
