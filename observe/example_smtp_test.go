package observe_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
)

// An SMTP server that is a loop over its connections.
func ExampleSMTP() {
	tel, err := otelmail.New()
	if err != nil {
		fmt.Println(err)
	}
	client, accepted := net.Pipe()
	go talk(client, "EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@one.example>", "DATA", "Subject: hi\r\n\r\nhi\r\n.", "QUIT")

	conn := observe.SMTP(tel, accepted, observe.SMTPRole(otelmail.RoleMX)) // the one line
	defer conn.Close()
	fmt.Fprint(conn, "220 mx.example\r\n")
	for in := bufio.NewScanner(conn); in.Scan(); {
		switch verb, _, _ := strings.Cut(in.Text(), " "); verb {
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			for in.Scan() && in.Text() != "." {
			}
			_ = conn.Context() // store the message under the span of DATA
			fmt.Fprint(conn, "250 2.0.0 stored\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
	}
	received, err := tel.Value("smtp_messages_received_total")
	fmt.Println(received, err)
	// Output: 1 <nil>
}

// talk is a client that says a line for each reply, and leaves.
func talk(conn net.Conn, lines ...string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, line := range lines {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		fmt.Fprint(conn, line+"\r\n")
	}
	_, _ = in.ReadString('\n')
}
