package otelimap_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

func Example() {
	tel, err := otelmail.Start(context.Background(), otelmail.WithoutGlobals())
	if err != nil {
		log.Fatal(err)
	}
	defer tel.Shutdown(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	store := imapmemserver.New()
	store.AddUser(imapmemserver.NewUser("bob", "secret"))
	server := otelimap.NewServer(tel, &imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return store.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev2: {}},
		InsecureAuth: true,
	})
	go server.Serve(l)
	defer server.Close()

	client, err := imapclient.DialInsecure(l.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Login("bob", "guess").Wait())
	fmt.Println(client.Login("bob", "secret").Wait())
	fmt.Println(client.Create("INBOX", nil).Wait())

	failed, err := tel.Value("imap_errors_total")
	fmt.Println("errors:", failed, err)
	active, err := tel.Value("active_connections", "imap")
	fmt.Println("active:", active, err)
	// Output:
	// imap: NO [AUTHENTICATIONFAILED] Authentication failed
	// <nil>
	// <nil>
	// errors: 1 <nil>
	// active: 1 <nil>
}
