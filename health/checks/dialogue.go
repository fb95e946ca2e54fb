package checks

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// What a server may answer: longer than any RFC allows a line to be, and more lines than
// any greeting has.
const (
	maxLine  = 8192 // bytes
	maxLines = 100
	maxQuote = 100 // bytes of an answer in an error
)

// patience bounds a check whose context has no deadline.
const patience = time.Minute

// dialogue is a connection on which client and server talk in lines.
type dialogue struct {
	conn  net.Conn
	lines *bufio.Reader
	left  int // lines that may still come
	tags  int // of IMAP, so far
}

// tag is another one for each command.
func (d *dialogue) tag() string {
	d.tags++
	return "a" + strconv.Itoa(d.tags) + " "
}

// dial connects to host:port, or to the socket of a path. Whatever waits on the
// connection ends with ctx; close ends it.
func dial(ctx context.Context, address string) (d *dialogue, finish func(), err error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	if address == "" {
		return nil, nil, errors.New("address is empty: must be host:port, or the path of a socket")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	detach := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	d = &dialogue{}
	d.use(conn)
	return d, func() { detach(); _ = d.conn.Close() }, nil
}

func (d *dialogue) use(conn net.Conn) {
	d.conn, d.lines, d.left = conn, bufio.NewReaderSize(conn, maxLine), maxLines
}

// read returns the next line without its end.
func (d *dialogue) read() (string, error) {
	if d.left--; d.left < 0 {
		return "", fmt.Errorf("more than %d lines", maxLines)
	}
	line, err := d.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("a line of more than %d bytes: %s", maxLine, quoted(string(line)))
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		return "", fmt.Errorf("broken off after %s", quoted(string(line)))
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func (d *dialogue) send(line string) error {
	_, err := io.WriteString(d.conn, line+"\r\n")
	return err
}

// quoted is the beginning of what a server has said.
func quoted(line string) string {
	if len(line) > maxQuote {
		return fmt.Sprintf("%q…", line[:maxQuote])
	}
	return fmt.Sprintf("%q", line)
}

// secure begins TLS and does not judge the certificate: the session is to end in order
// whatever that is, see [security.verify].
func (d *dialogue) secure(ctx context.Context, name string) (tls.ConnectionState, error) {
	if d.lines.Buffered() > 0 {
		return tls.ConnectionState{}, errors.New("start TLS: the server says more before it begins")
	}
	conn := tls.Client(d.conn, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, fmt.Errorf("start TLS: %w", err)
	}
	d.use(conn)
	return conn.ConnectionState(), nil
}
