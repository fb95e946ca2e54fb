package health_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/rusmes/otelmail/health"
)

// A server registers its checks, starts them, and serves the three probes.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	checked := make(chan struct{}, 1)
	registry := health.New(health.OnChange(func(name string, from, to health.State) {
		fmt.Println(name, "went from", from, "to", to)
		checked <- struct{}{}
	}))
	// Without a place to store mail this server must get no new connections.
	err := registry.Register("storage", health.WriteReadBack(os.TempDir()),
		health.Timeout(10*time.Second), health.Interval(30*time.Second), health.Decides(health.Readiness))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := registry.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(registry.Handler())
	defer server.Close()

	<-checked
	show(server.URL + "/ready")
	show(server.URL + "/live")

	registry.Drain() // the load balancer sends no new connections; then end the sessions
	show(server.URL + "/ready")
	if err := registry.Stop(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// storage went from starting to healthy
	// 200 {"ready":true}
	// 200 {"alive":true}
	// 503 {"ready":false,"reason":"draining"}
}

func show(url string) {
	res, err := http.Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d %s", res.StatusCode, body)
}

// A loop that must keep running calls Beat in each iteration.
func ExampleHeartbeat() {
	var heartbeat health.Heartbeat
	check := heartbeat.Check(time.Minute)

	fmt.Println(check(context.Background()))
	for range 3 { // the queue runner's loop
		heartbeat.Beat()
	}
	fmt.Println(check(context.Background()))

	// As a check: a restart repairs a queue runner that is stuck.
	registry := health.New()
	err := registry.Register("queue", check, health.Decides(health.Liveness))
	fmt.Println(err)
	// Output:
	// health: heartbeat: no beat yet
	// <nil>
	// <nil>
}

// A probe of the application's own beside the checks, and a check that is given up.
func ExampleRegistry_Unregister() {
	registry := health.New(health.WithErrorDetail(true)) // where nobody but the operator reaches /health
	if err := registry.Register("directory", func(context.Context) error { return nil }, health.Decides(health.Readiness)); err != nil {
		fmt.Println(err)
	}
	fmt.Println(registry.Unregister("directory"), registry.Unregister("directory"))
	// Output: true false
}

// A relay that may be away for a moment: one failure changes nothing, half a minute of them
// does, and two healthy runs are needed to believe that it is back. /health?group=outbound
// asks about it alone.
func ExampleFailAfter() {
	relay := func(context.Context) error { return nil } // connect to it
	registry := health.New()
	err := registry.Register("relay", relay, health.Interval(5*time.Second),
		health.FailAfter(3, 30*time.Second), health.RecoverAfter(2, 0), health.Groups("outbound"))
	fmt.Println(err)

	fmt.Println(registry.Register("relay2", relay, health.FailAfter(0, 0)))
	// Output:
	// <nil>
	// health: register check "relay2": fail after 0 runs: must be from 1 to 1000
}
