// Program gosmtp is a server of go-smtp without telemetry.
package main

import (
	"log"

	"github.com/emersion/go-smtp"
)

func main() { log.Print(smtp.NewServer(nil).ListenAndServe()) }
