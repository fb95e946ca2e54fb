// Package flood measures what strangers who guess the password of /metrics cost a mail server, and
// what many cost it who look at its page.
package flood

import (
	"bufio"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/crypto/bcrypt"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
	"github.com/rusmes/otelmail/instrumentation/otelsmtp"
)

var rounds = flag.Int("rounds", 1, "how often each is measured; with 1 the passwords are cheap, because the race detector makes bcrypt slow")

const (
	childVar = "OTELMAIL_FLOOD_CHILD"
	turn     = 3 * time.Second
	perTurn  = 1000 // guesses a second
)

func TestMain(m *testing.M) {
	switch kind, argument, _ := strings.Cut(os.Getenv(childVar), " "); kind {
	case "server":
		serve(argument)
	case "canned":
		canned()
	case "guesser":
		guess(argument)
	case "page":
		page()
	case "looker":
		look(argument)
	default:
		os.Exit(m.Run())
	}
}

// child runs this program again and returns its first line.
func child(t *testing.T, role string) (line string, pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childVar+"="+role), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// discards is a mail server that keeps nothing.
type discards struct{}

func (discards) Reset()                               {}
func (discards) Logout() error                        { return nil }
func (discards) Mail(string, *smtp.MailOptions) error { return nil }
func (discards) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (discards) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(webConfig string) {
	s := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithWebConfigFile(webConfig, webconfig.Read))
	tel, err := otelmail.Start(context.Background(), otelmail.WithExporter(s), otelmail.WithErrorHandler(func(error) {}))
	must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(l.Addr(), s.Addr())
	must(otelsmtp.NewServer(tel, smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return discards{}, nil }))).Serve(l))
}

// canned is the least that a server of HTTP can do with a guess.
func canned() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(l.Addr())
	must(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTooManyRequests) }))) //nolint:gosec // for a test
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func get(client *http.Client, url, user, password string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", basic(user, password))
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// guess sends guesses by the clock, each in a goroutine, until it is killed: what is not
// answered keeps no other from being sent. The argument is "url connections", kept or new.
func guess(argument string) {
	url, connections, _ := strings.Cut(argument, " ")
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableKeepAlives: connections == "new"}}
	fmt.Println("ready")
	var n atomic.Int64
	for range time.Tick(10 * time.Millisecond) {
		for range perTurn / 100 {
			go func() { _, _ = get(client, url, "scraper", fmt.Sprint("guess ", n.Add(1))) }()
		}
	}
}

// mail sends for a turn from ten sessions, and returns messages a second.
func mail(t *testing.T, address string) float64 {
	var sent atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for range 10 {
		wg.Go(func() {
			c, err := smtp.Dial(address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			text := strings.Repeat("x", 1024)
			for time.Since(begun) < turn {
				if err := c.SendMail("a@one.example", []string{"b@two.example"}, strings.NewReader(text)); err != nil {
					t.Error(err)
					return
				}
				sent.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(sent.Load()) / time.Since(begun).Seconds()
}

// cores is how many cores a process takes while nothing but the guesses goes on.
func cores(t *testing.T, pid int) float64 {
	before, begun := used(t, pid), time.Now()
	time.Sleep(2 * turn)
	return (used(t, pid) - before) / time.Since(begun).Seconds()
}

// used is the CPU time that a process has taken, in seconds.
func used(t *testing.T, pid int) (sum float64) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	const user, system = 11, 12 // in hundredths of a second
	for _, field := range []string{fields[user], fields[system]} {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += ticks / 100
	}
	return sum
}

func median(of []float64) float64 {
	slices.Sort(of)
	return (of[(len(of)-1)/2] + of[len(of)/2]) / 2
}

// TestFloodOfGuesses compares the mail in turns: with a thousand guesses a second at a server
// of its own that only refuses them, and at ours. Meanwhile a scraper and the probes go on, and
// a scraper comes that has never been seen.
func TestFloodOfGuesses(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc here")
	}
	cost := 10
	if *rounds == 1 {
		cost = 5
	}
	users := "basic_auth_users:\n"
	for i := range 2 * *rounds {
		hash, err := bcrypt.GenerateFromPassword([]byte("late"), cost)
		if err != nil {
			t.Fatal(err)
		}
		users += fmt.Sprintf("  late%d: %s\n", i, hash)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), cost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte(users+"  scraper: "+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line, pid := child(t, "server "+file)
	smtpAddress, httpAddress, _ := strings.Cut(line, " ")
	elsewhere, cannedPid := child(t, "canned")
	url := "http://" + httpAddress

	// Who has logged in keeps the connection, and who comes from elsewhere is let in. A new
	// connection from the address of the guesses gives way like theirs, if it is not answered
	// before 64 of them have come: how many of these fail is up to the machine.
	scrapers := map[string]struct {
		client  *http.Client
		mayFail bool
	}{
		"kept":                 {client: clientFrom(net.IPv4(127, 0, 0, 1), 1)},
		"kept, from elsewhere": {client: clientFrom(net.IPv4(127, 0, 0, 3), 1)},
		"new, from elsewhere":  {client: clientFrom(net.IPv4(127, 0, 0, 3), 0)},
		"new":                  {client: clientFrom(net.IPv4(127, 0, 0, 1), 0), mayFail: true},
	}
	var asked, failed, unlucky atomic.Int64
	most := 0
	watch := func(ended chan struct{}) {
		for {
			select {
			case <-ended:
				return
			case <-time.After(200 * time.Millisecond):
			}
			for connection, scraper := range scrapers {
				for _, path := range []string{"/metrics", "/live"} {
					asked.Add(1)
					code, err := get(scraper.client, url+path, "scraper", "open sesame")
					switch {
					case code == http.StatusOK:
					case scraper.mayFail:
						unlucky.Add(1)
						t.Logf("%s, connection %s: %d, %v", path, connection, code, err)
					default:
						failed.Add(1)
						t.Errorf("%s, connection %s: %d, %v", path, connection, code, err)
					}
				}
			}
			if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
				most = max(most, len(open))
			}
		}
	}
	if code, err := get(scrapers["kept"].client, url+"/metrics", "scraper", "open sesame"); code != http.StatusOK {
		t.Fatal(code, err)
	}
	mail(t, smtpAddress) // warms up
	for _, connections := range []string{"kept", "new"} {
		for name, to := range map[string]struct {
			address string
			pid     int
		}{"our server": {httpAddress, pid}, "one that only refuses": {elsewhere, cannedPid}} {
			t.Run("", func(t *testing.T) {
				child(t, "guesser http://"+to.address+"/metrics "+connections)
				time.Sleep(2 * time.Second) // the first second of verifying is free
				t.Logf("connections %s: the guesses cost %s %.3f cores", connections, name, cores(t, to.pid))
			})
		}
	}
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { watch(ended) })
	late := 0
	for _, connections := range []string{"kept", "new"} {
		var ratios, alone []float64
		for range *rounds {
			quiet := mail(t, smtpAddress)
			measure := func(target string, during func()) (speed float64) {
				t.Run("", func(t *testing.T) { // whose end kills the guesser
					child(t, "guesser http://"+target+"/metrics "+connections)
					during()
					speed = mail(t, smtpAddress)
				})
				return speed
			}
			apart := measure(elsewhere, func() {})
			var wg sync.WaitGroup
			here := measure(httpAddress, func() {
				// The first second of verifying is free.
				time.Sleep(2 * time.Second)
				user := fmt.Sprint("late", late)
				late++
				wg.Go(func() {
					begun := time.Now()
					code, err := get(clientFrom(net.IPv4(127, 0, 0, 2), 0), url+"/metrics", user, "late")
					t.Logf("a scraper that comes late: %d after %v", code, time.Since(begun).Round(time.Millisecond))
					if code != http.StatusOK {
						t.Errorf("the scraper that comes late: %d, %v", code, err)
					}
				})
			})
			wg.Wait()
			ratios, alone = append(ratios, here/apart), append(alone, here/quiet)
			t.Logf("connections %s: %.0f messages a second without guesses, %.0f with guesses elsewhere, %.0f with guesses here", connections, quiet, apart, here)
		}
		t.Logf("connections %s: mail at %.3f of its speed with guesses elsewhere, %.3f of that without", connections, median(ratios), median(alone))
	}
	close(ended)
	watching.Wait()
	t.Logf("%d of %d scrapes and probes failed, and %d that came anew from the address of the guesses; at most %d descriptors", failed.Load(), asked.Load(), unlucky.Load(), most)
	if most > 256+64 {
		t.Errorf("%d descriptors", most)
	}
}
