// Program promhttp serves /metrics by client_golang alone.
package main

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() { log.Print(http.ListenAndServe("127.0.0.1:8080", promhttp.Handler())) }
