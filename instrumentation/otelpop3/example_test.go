package otelpop3_test

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelpop3"
)

func Example() {
	tel := otelmail.Noop() // or Start, with exporters
	client, conn := net.Pipe()
	go func() {
		fmt.Fprint(client, "CAPA\r\nQUIT\r\n")
		client.Close()
	}()

	session := otelpop3.Begin(context.Background(), tel, conn)
	lines := otelpop3.NewReader(conn)
	for {
		line, err := lines.ReadLine()
		if err != nil {
			session.End(otelmail.CauseOf(err))
			return
		}
		command := session.Command(line)
		fmt.Println(string(line))
		command.End(true, otelmail.CauseNone)
		if strings.EqualFold(string(line), "QUIT") {
			session.End(otelmail.CauseNone)
			return
		}
	}
	// Output:
	// CAPA
	// QUIT
}
