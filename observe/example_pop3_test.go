package observe_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// A POP3 server that is a loop over its connections.
func ExamplePOP3() {
	tel, err := otelmail.New()
	if err != nil {
		fmt.Println(err)
	}
	client, accepted := net.Pipe()
	go talk(client, "USER bob", "PASS secret", "QUIT")

	conn := observe.POP3(tel, accepted) // the one line
	defer conn.Close()
	fmt.Fprint(conn, "+OK ready\r\n")
	for in := bufio.NewScanner(conn); in.Scan(); {
		switch verb, _, _ := strings.Cut(in.Text(), " "); verb {
		case "PASS":
			_ = conn.Context() // look the user up under the span of PASS
			fmt.Fprint(conn, "-ERR [AUTH] no\r\n")
		default:
			fmt.Fprint(conn, "+OK\r\n")
		}
	}
	open, err := tel.Value("active_connections", "pop3")
	fmt.Println(open, err)
	// Output: 1 <nil>
}
