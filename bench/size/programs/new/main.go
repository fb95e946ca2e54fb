// Program new has the root alone, for providers of its own.
package main

import (
	"log"

	"github.com/rusmes/otelmail"
)

func main() {
	tel, err := otelmail.New()
	log.Print(tel.SMTP, err)
}
