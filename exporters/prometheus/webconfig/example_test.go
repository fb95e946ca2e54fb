package webconfig_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/exporters/prometheus"
	"github.com/rusmes/otelmail/exporters/prometheus/webconfig"
)

// A file that is not there stops start-up: no page is served without its login.
func ExampleRead() {
	serve := prometheus.Serve(prometheus.WithWebConfigFile("web.yml", webconfig.Read))
	_, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals(), serve)
	fmt.Println(err != nil && strings.Contains(err.Error(), "web.yml"))
	// Output: true
}
