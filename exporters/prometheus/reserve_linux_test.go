package prometheus_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// TestMain lets the test binary be the process that has no file descriptors left, or that
// systemd starts.
func TestMain(m *testing.M) {
	if os.Getenv("OTELMAIL_TEST_SYSTEMD") != "" {
		serveActivated()
		return
	}
	if limit, err := strconv.ParseUint(os.Getenv("OTELMAIL_TEST_DESCRIPTORS"), 10, 64); err == nil {
		if err := servePoorly(limit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	_ = flag.Set("test.parallel", "16") // the tests wait for time to pass, not for a processor
	os.Exit(m.Run())
}

// servePoorly serves metrics and probes, and an idle mail server that takes every connection
// it can get, until standard input ends. It prints the addresses.
func servePoorly(limit uint64) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		for pause := time.Duration(0); ; {
			c, err := mail.Accept()
			if err != nil { // as net/http, go-smtp and go-imap do
				pause = min(max(2*pause, 5*time.Millisecond), time.Second)
				time.Sleep(pause)
				continue
			}
			pause = 0
			go func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	web := prometheus.NewServer(prometheus.WithAddress("127.0.0.1:0"), prometheus.WithProbeAddress("127.0.0.1:0"))
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), otelmail.WithLookupEnv(environment()),
		otelmail.WithErrorHandler(func(err error) { fmt.Println("error:", err) }), otelmail.WithExporter(web))
	if err != nil {
		return err
	}
	fmt.Println("addresses:", mail.Addr(), web.Addr(), web.ProbeAddr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return shutdown(tel)
}

// A mail server whose clients hold every file descriptor is slow to nobody who asks how it is,
// and says what is wrong.
func TestProbesWithoutDescriptors(t *testing.T) {
	const limit = 80
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("OTELMAIL_TEST_DESCRIPTORS=%d", limit))
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill() // fails only when it has ended
	said := bufio.NewScanner(stdout)
	if !said.Scan() {
		t.Fatal("the child said nothing")
	}
	addresses := strings.Fields(said.Text())
	if len(addresses) != 4 {
		t.Fatal(said.Text())
	}
	mail, web, probes := addresses[1], "http://"+addresses[2], "http://"+addresses[3]

	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	askAll := func(when string) (page string) {
		t.Helper()
		for _, url := range []string{web + "/live", probes + "/live", web + "/ready", probes + "/ready", web + "/health", web + "/metrics"} {
			r := ask(t, client, http.MethodGet, url)
			if r.code != http.StatusOK {
				t.Errorf("%s: %s: %d", when, url, r.code)
			}
			page = r.body
		}
		return page
	}
	before := openDescriptors(t, askAll("before"))

	idle := make([]net.Conn, 150)
	for i := range idle {
		if idle[i], err = net.Dial("tcp", mail); err != nil {
			t.Fatal(err)
		}
		defer idle[i].Close()
	}
	var page string
	for range 8 {
		page = askAll("without descriptors")
		if n := openDescriptors(t, page); n < limit-14 {
			t.Fatalf("%v descriptors of %d are open: nothing is tried here", n, limit)
		}
	}
	// What is said of the process is read from files. On a busy machine the connection before may still hold
	// the descriptor for one.
	for _, line := range []string{"process_max_fds 80\n", `rusmes_telemetry_server_problems_total{reason="config"} 0`, "process_resident_memory_bytes "} {
		eventually(t, "the page has "+line, func() bool {
			page = ask(t, client, http.MethodGet, web+"/metrics").body
			return strings.Contains(page, line)
		})
	}
	if n := valueOf(t, page, `rusmes_telemetry_server_problems_total\{reason="descriptors"\}`); n < 20 {
		t.Errorf("%v connections were taken with the reserve, want one for each question", n)
	}
	// Nor do those keep others out who stay when they have been answered.
	for range 8 {
		for _, address := range []string{web, probes} {
			c, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			idle = append(idle, c)
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			if code := over(t, c, bufio.NewReader(c), "/live", "X-Nothing: here"); code != http.StatusOK {
				t.Errorf("a client that stays: %d", code)
			}
		}
		askAll("beside clients that stay")
	}

	for _, c := range idle {
		_ = c.Close()
	}
	eventually(t, "all descriptors are given back, and the reserve is whole again", func() bool {
		return openDescriptors(t, askAll("afterwards")) == before
	})
	_ = stdin.Close()
	found := false
	for said.Scan() {
		found = found || strings.Contains(said.Text(), "no file descriptor left")
	}
	if !found {
		t.Error("the error handler was not told")
	}
	if err := child.Wait(); err != nil {
		t.Errorf("the child ended with %v", err)
	}
}

func openDescriptors(t *testing.T, page string) float64 { return valueOf(t, page, "process_open_fds") }

// valueOf reads a series, a regular expression, from a page.
func valueOf(t *testing.T, page, series string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + series + ` (\S+)$`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no %s on the page", series)
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
