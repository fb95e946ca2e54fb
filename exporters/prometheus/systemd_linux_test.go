package prometheus_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/exporters/prometheus"
)

// serveActivated starts and ends as often as lines of standard input tell it. It prints "ready" and its
// place, or why not, and "ended".
func serveActivated() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		server, place := prometheus.NewServer(), ""
		tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(),
			otelmail.WithErrorHandler(func(err error) { fmt.Println(err) }),
			otelmail.WithExporter(export.Func(func(_ context.Context, p export.Pipeline) error {
				place = server.Place(p)
				return nil
			})), otelmail.WithExporter(server))
		if err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			return
		}
		fmt.Println("ready at", place)
		in.Scan()
		if err := shutdown(tel); err != nil {
			fmt.Println(err)
		}
		fmt.Println("ended")
	}
}

// activated is a process that was started as systemd does it.
type activated struct {
	stdin io.WriteCloser
	said  *bufio.Scanner
}

// activate starts one with sockets and an environment. $$ in that is its process id.
func activate(t *testing.T, sockets []*os.File, env ...string) activated {
	t.Helper()
	child := exec.Command("/bin/sh", "-c", "export "+strings.Join(env, " ")+"; exec \"$0\"", os.Args[0])
	child.Env = append(os.Environ(), "OTELMAIL_TEST_SYSTEMD=yes")
	child.ExtraFiles, child.Stderr = sockets, os.Stderr
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
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	return activated{stdin, bufio.NewScanner(stdout)}
}

// next has it start or end, and returns what it says.
func (a activated) next(t *testing.T) string {
	t.Helper()
	if _, err := io.WriteString(a.stdin, "\n"); err != nil {
		t.Fatal(err)
	}
	a.said.Scan()
	return a.said.Text()
}

// descriptor is that of a listener, for a child.
func descriptor(t *testing.T, l interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// A server takes the sockets that bear the names it was told, and leaves the mail's alone. Who
// connects while it restarts waits, and is answered.
func TestSocketsOfSystemd(t *testing.T) {
	path := filepath.Join(socketDir(t), "probes")
	smtp, page, probes := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0"), listen(t, "unix", path)
	files := []*os.File{descriptor(t, smtp.(*net.TCPListener)), descriptor(t, page.(*net.TCPListener)), descriptor(t, probes.(*net.UnixListener))}
	server := activate(t, files, "LISTEN_PID=$$", "LISTEN_FDS=3", "LISTEN_FDNAMES=smtp:page:probes",
		"RUSMES_METRICS_BIND_ADDRESS=systemd:page", "RUSMES_PROBES_BIND_ADDRESS=systemd:probes")
	for range 2 {
		early, err := net.Dial("tcp", page.Addr().String()) // before anybody accepts
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return early, nil }}}
		if said := server.next(t); said != "ready at "+page.Addr().String() {
			t.Fatal(said)
		}
		if r := ask(t, client, http.MethodGet, "http://"+page.Addr().String()+"/metrics"); r.code != 200 || !strings.Contains(r.body, "\nrusmes_queue_size 0\n") {
			t.Errorf("/metrics: %d", r.code)
		}
		if r := ask(t, socketClient(path), http.MethodGet, "http://localhost/live"); r.code != 200 {
			t.Errorf("/live: %d", r.code)
		}
		if said := server.next(t); said != "ended" {
			t.Error(said)
		}
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket is systemd's, and gone: %v", err)
	}
	// Nobody has accepted for the mail server.
	c, err := net.Dial("tcp", smtp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if accepted, err := smtp.Accept(); err != nil {
		t.Error(err)
	} else {
		_ = accepted.Close()
	}
}

func TestSocketsThatSystemdDoesNotPass(t *testing.T) {
	one := descriptor(t, listen(t, "tcp", "127.0.0.1:0").(*net.TCPListener))
	client, err := net.Dial("tcp", listen(t, "tcp", "127.0.0.1:0").Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	connected := descriptor(t, client.(*net.TCPConn))
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	const own = "LISTEN_PID=$$"
	for name, tc := range map[string]struct {
		files   []*os.File
		env     []string
		address string
		want    string
	}{
		"the only one":      {[]*os.File{one}, []string{own, "LISTEN_FDS=1"}, "", "ready"},
		"without a name":    {[]*os.File{one}, []string{own, "LISTEN_FDS=1"}, "unknown", "ready"},
		"two":               {[]*os.File{one, one}, []string{own, "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"}, "", "several sockets (a, b): want one that alone has the name"},
		"two of one name":   {[]*os.File{one, one}, []string{own, "LISTEN_FDS=2", "LISTEN_FDNAMES=a:a"}, "a", "several sockets (a, a)"},
		"another's name":    {[]*os.File{one}, []string{own, "LISTEN_FDS=1", "LISTEN_FDNAMES=smtp"}, "page", "passed on smtp: want one of these names, which FileDescriptorName="},
		"none":              {nil, nil, "page", "(RUSMES_METRICS_BIND_ADDRESS): systemd has passed on no socket: want a .socket unit"},
		"no number":         {[]*os.File{one}, []string{own, "LISTEN_FDS=x"}, "", "no socket"},
		"more than are":     {nil, []string{own, "LISTEN_FDS=1000"}, "", "several sockets"},
		"another's process": {[]*os.File{one}, []string{"LISTEN_PID=1", "LISTEN_FDS=1"}, "", `for process "1" (LISTEN_PID)`},
		"a connection":      {[]*os.File{connected}, []string{own, "LISTEN_FDS=1"}, "", "the socket unknown does not listen: want one by ListenStream=, with Accept=no"},
		"no socket":         {[]*os.File{plain}, []string{own, "LISTEN_FDS=1"}, "", "descriptor 3, unknown: socket operation on non-socket"},
	} {
		// Each ends before the next begins: to hand on a socket sets it to blocking, for those who have it already.
		t.Run(name, func(t *testing.T) {
			server := activate(t, tc.files, append(tc.env, "RUSMES_METRICS_BIND_ADDRESS=systemd:"+tc.address)...)
			if said := server.next(t); !strings.Contains(said, tc.want) {
				t.Errorf("%s, want %s", said, tc.want)
			}
		})
	}
}
