package otelmailtest_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// recorded is a Telemetry whose metrics and spans can be read.
type recorded struct {
	*otelmail.Telemetry
	reader *sdkmetric.ManualReader
	spans  *tracetest.SpanRecorder
}

func newRecorded(t testing.TB) recorded {
	t.Helper()
	r := recorded{reader: sdkmetric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	r.Telemetry = tel
	return r
}

// listen accepts connections until the test ends, and returns where.
func listen(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go handle(conn)
		}
	}()
	return l.Addr().String()
}

// fault is what is wrong with how a handmade server counts.
type fault string

const (
	none           fault = ""
	countedTwice   fault = "the end of a command is counted twice"
	errorForgotten fault = "a refused recipient is counted as taken"
	neverClosed    fault = "a session without QUIT does not end"
	authReversed   fault = "logins are counted the wrong way round"
	countedEarly   fault = "a message is counted before the reply to it"
	firstDomain    fault = "a message is counted for its first recipient alone"
	otherProtocol  fault = "an SMTP connection is one of IMAP, too"
	sizeWithDot    fault = "the size has the end of the message in it"
	lostForgotten  fault = "a session that breaks inside a message is not counted as lost"
	secondNoop     fault = "the second NOOP is counted twice"
)

// handmade is an SMTP session of a server whose author has instrumented it by hand.
type handmade struct {
	fault
	recorded
	session otelmail.SMTPSession
	conn    net.Conn
	in      *bufio.Reader
	helo    bool
	mail    bool
	to      []string
	noops   int
}

func serveHandmade(t testing.TB, r recorded, f fault) (address string) {
	return listen(t, func(conn net.Conn) { handmadeSession(r, f, conn) })
}

func handmadeSession(r recorded, f fault, conn net.Conn) {
	defer conn.Close()
	h := &handmade{fault: f, recorded: r, conn: conn, in: bufio.NewReader(conn)}
	h.session = r.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{Remote: conn.RemoteAddr(), Local: conn.LocalAddr()})
	if f == otherProtocol {
		r.IMAP.Session(context.Background(), otelmail.Conn{}).End(otelmail.CauseNone)
	}
	cause := h.talk()
	if f == neverClosed && cause == otelmail.CauseEOF {
		return
	}
	if cause == otelmail.CauseEOF { // to leave without QUIT is no error
		cause = otelmail.CauseNone
	}
	h.session.End(cause)
}

// talk returns how the session ends: by QUIT, or by what reading has failed with.
func (h *handmade) talk() otelmail.Cause {
	h.say("220 mx.example")
	for {
		line, err := h.in.ReadString('\n')
		if err != nil {
			return otelmail.CauseOf(err)
		}
		words := strings.Fields(line)
		verb := mailconv.SMTPOther
		if len(words) > 0 && line[0] != ' ' && line[0] != '\t' {
			verb = mailconv.ParseSMTPVerb(words[0])
		}
		c := h.session.Command(verb)
		switch verb {
		case mailconv.SMTPData:
			if cause := h.data(c, words); cause != otelmail.CauseNone {
				return cause
			}
			continue
		case mailconv.SMTPAuth:
			if cause := h.auth(c, words); cause != otelmail.CauseNone {
				return cause
			}
			continue
		}
		code := h.answer(verb, strings.TrimRight(line, "\r\n"))
		h.end(c, verb, code)
		if h.sayCode(code, verb); verb == mailconv.SMTPQuit {
			return otelmail.CauseNone
		}
	}
}

// end counts a command that is no message and no login.
func (h *handmade) end(c otelmail.SMTPCommand, verb mailconv.SMTPVerb, code int) {
	counted := code
	if h.fault == errorForgotten && verb == mailconv.SMTPRcpt && code == 550 {
		counted = 250
	}
	if verb == mailconv.SMTPBdat { // there is no message to refuse
		c.EndOutOfOrder(otelmail.Reply{Code: code})
		return
	}
	c.End(otelmail.Reply{Code: counted})
	if verb == mailconv.SMTPNoop {
		h.noops++
	}
	if h.fault == countedTwice && verb == mailconv.SMTPRset || h.fault == secondNoop && verb == mailconv.SMTPNoop && h.noops == 2 {
		c.End(otelmail.Reply{Code: counted})
	}
}

func (h *handmade) answer(verb mailconv.SMTPVerb, line string) int {
	args := strings.Fields(line)
	switch verb {
	case mailconv.SMTPEhlo, mailconv.SMTPHelo:
		if len(args) < 2 {
			return 501
		}
		h.helo, h.mail, h.to = true, false, nil
	case mailconv.SMTPMail:
		switch _, from, ok := strings.Cut(strings.ToUpper(line), "FROM:<"); {
		case !h.helo:
			return 503
		case !ok || !strings.Contains(from, ">"):
			return 501
		case strings.Contains(from, "SIZE=9999"):
			return 552
		}
		h.mail, h.to = true, nil
	case mailconv.SMTPRcpt:
		_, to, ok := strings.Cut(line, ":<")
		address, _, closed := strings.Cut(to, ">")
		switch {
		case !h.mail:
			return 503
		case !ok || !closed || address == "":
			return 501
		case strings.HasSuffix(strings.ToLower(address), "nobody@example.net"):
			return 550
		}
		h.to = append(h.to, address)
	case mailconv.SMTPRset:
		h.mail, h.to = false, nil
	case mailconv.SMTPVrfy:
		return 252
	case mailconv.SMTPQuit:
		return 221
	case mailconv.SMTPNoop:
	default:
		return 500
	}
	return 250
}

func (h *handmade) data(c otelmail.SMTPCommand, words []string) otelmail.Cause {
	switch {
	case len(words) > 1:
		c.EndOutOfOrder(otelmail.Reply{Code: 501})
		h.sayCode(501, mailconv.SMTPData)
		return otelmail.CauseNone
	case len(h.to) == 0:
		c.EndOutOfOrder(otelmail.Reply{Code: 503})
		h.sayCode(503, mailconv.SMTPData)
		return otelmail.CauseNone
	}
	h.say("354 go on")
	var text strings.Builder
	for begins, line := true, ""; !begins || line != ".\r\n"; {
		begins = line == "" || strings.HasSuffix(line, "\r\n")
		var err error
		line, err = h.in.ReadString('\n')
		if err != nil {
			c.EndMessage(otelmail.Reply{Cause: otelmail.CauseOf(err)}, h.to...)
			if h.fault != lostForgotten {
				h.session.EndInside(mailconv.SMTPData)
			}
			return otelmail.CauseOf(err)
		}
		text.WriteString(line)
	}
	code, size := 250, text.Len()-len(".\r\n")
	if strings.HasPrefix(text.String(), "no header") {
		code = 554
	}
	counted, to := code, h.to
	switch h.fault {
	case countedEarly:
		counted = 250
	case firstDomain:
		to = to[:1]
	case sizeWithDot:
		size = text.Len()
	}
	c.Note(otelmail.SMTPFacts{Size: int64(size)})
	c.EndMessage(otelmail.Reply{Code: counted}, to...)
	h.mail, h.to = false, nil
	h.sayCode(code, mailconv.SMTPData)
	return otelmail.CauseNone
}

func (h *handmade) auth(c otelmail.SMTPCommand, words []string) otelmail.Cause {
	code, response := 504, ""
	switch {
	case len(words) == 2 && strings.EqualFold(words[1], "PLAIN"):
		h.say("334 ")
		line, err := h.in.ReadString('\n')
		if err != nil {
			c.End(otelmail.Reply{Cause: otelmail.CauseOf(err)})
			h.session.EndInside(mailconv.SMTPAuth)
			return otelmail.CauseOf(err)
		}
		code, response = 535, strings.TrimSpace(line)
	case len(words) == 3 && strings.EqualFold(words[1], "PLAIN"):
		code, response = 535, words[2]
	}
	if plain, err := base64.StdEncoding.DecodeString(response); err == nil && code == 535 && string(plain) == "\x00user\x00secret" {
		code = 235
	}
	counted := code
	if reversed := map[int]int{235: 535, 535: 235}[code]; h.fault == authReversed && reversed != 0 {
		counted = reversed
	}
	c.End(otelmail.Reply{Code: counted})
	h.sayCode(code, mailconv.SMTPAuth)
	return otelmail.CauseNone
}

func (h *handmade) sayCode(code int, verb mailconv.SMTPVerb) {
	if verb == mailconv.SMTPEhlo && code == 250 {
		h.say("250-mx.example\r\n250-PIPELINING\r\n250 AUTH PLAIN")
		return
	}
	h.say(fmt.Sprintf("%d %s", code, strings.ToLower(verb.String())))
}

// say leaves it to the next Read to tell of an error.
func (h *handmade) say(line string) { _, _ = io.WriteString(h.conn, line+"\r\n") }
