package observe_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// An IMAP server that is a loop over its connections.
func ExampleIMAP() {
	tel, err := otelmail.New()
	if err != nil {
		fmt.Println(err)
	}
	client, accepted := net.Pipe()
	go talk(client, "a1 LOGIN bob secret", "a2 NOOP", "a3 XYZZY")

	conn := observe.IMAP(tel, accepted) // the one line
	defer conn.Close()
	fmt.Fprint(conn, "* OK ready\r\n")
	for in := bufio.NewScanner(conn); in.Scan(); {
		tag, command, _ := strings.Cut(in.Text(), " ")
		switch verb, _, _ := strings.Cut(command, " "); verb {
		case "LOGIN", "NOOP":
			_ = conn.Context() // work under the span of the command
			fmt.Fprint(conn, tag+" OK done\r\n")
		default:
			fmt.Fprint(conn, tag+" BAD unknown\r\n")
		}
	}
	commands, _ := tel.Value("imap_commands_total")
	refused, _ := tel.Value("imap_errors_total")
	fmt.Println(commands, refused)
	// Output: 3 1
}
