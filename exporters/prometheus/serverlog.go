package prometheus

import (
	"fmt"
	"log"
	"strings"

	"github.com/rusmes/otelmail/internal/report"
)

// serverLog gives the error handler what net/http logs, of each message at most one a
// minute: a stranger can cause them at will by failing TLS handshakes.
type serverLog struct {
	reporter *report.Reporter
	kinds    *kinds
}

func (l serverLog) logger() *log.Logger { return log.New(l, "", 0) }

func (l serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	l.reporter.Report(l.kinds.of("server: "+text), fmt.Errorf("server: %s", text))
	return len(line), nil
}
