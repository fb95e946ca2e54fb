package demo

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// newBounce makes the message that tells a sender who was not reached, and why:
// a delivery status notification (RFC 3464) in a multipart/report (RFC 6522),
// from the null sender.
func newBounce(it *item, failed []failure, message []byte) (*item, []byte, error) {
	id := "<" + rand.Text() + "@" + localHost + ">"
	text, err := bounceText(it, failed, message, id)
	if err != nil {
		return nil, nil, fmt.Errorf("bounce for %s: %w", it.ID, err)
	}
	direction := mailconv.Outbound
	if domainOf(it.Sender) == localDomain {
		direction = mailconv.Internal
	}
	return &item{
		Recipients: []string{it.Sender},
		MessageID:  id,
		Direction:  direction,
		// Our own words need no spam filter, and a mailet that drops a bounce
		// would hide that mail was lost.
		Processed: true,
	}, text, nil
}

func bounceText(it *item, failed []failure, message []byte, id string) ([]byte, error) {
	var b bytes.Buffer
	report := multipart.NewWriter(&b)
	for _, line := range []string{
		"From: Mail delivery <MAILER-DAEMON@" + localDomain + ">",
		"To: <" + it.Sender + ">",
		"Subject: Your message could not be delivered",
		"Date: " + time.Now().Format(time.RFC1123Z),
		"Message-ID: " + id,
		"Auto-Submitted: auto-replied", // RFC 3834: no vacation notice, please
		"MIME-Version: 1.0",
		`Content-Type: multipart/report; report-type=delivery-status; boundary="` + report.Boundary() + `"`,
		"",
	} {
		b.WriteString(line + "\r\n")
	}
	for _, part := range []struct{ contentType, text string }{
		{"text/plain; charset=us-ascii", forPeople(failed)},
		{"message/delivery-status", forPrograms(it, failed)},
		{"text/rfc822-headers", headerOf(message)},
	} {
		w, err := report.CreatePart(textproto.MIMEHeader{"Content-Type": {part.contentType}})
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, part.text); err != nil {
			return nil, err
		}
	}
	if err := report.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func forPeople(failed []failure) string {
	var b strings.Builder
	b.WriteString("Your message could not be delivered to:\r\n\r\n")
	for _, f := range failed {
		fmt.Fprintf(&b, "  %s: %s\r\n", f.recipient, diagnosis(f.reply))
	}
	return b.String()
}

// forPrograms is RFC 3464 section 2: a group of fields for the message, then
// one for each recipient.
func forPrograms(it *item, failed []failure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Reporting-MTA: dns; %s\r\n", localHost)
	fmt.Fprintf(&b, "Arrival-Date: %s\r\n", it.Telemetry.Enqueued.Format(time.RFC1123Z))
	for _, f := range failed {
		fmt.Fprintf(&b, "\r\nFinal-Recipient: rfc822; %s\r\n", f.recipient)
		fmt.Fprintf(&b, "Action: failed\r\nStatus: %s\r\n", status(f.reply))
		if f.reply.Code != 0 {
			fmt.Fprintf(&b, "Diagnostic-Code: smtp; %s\r\n", diagnosis(f.reply))
		}
	}
	return b.String()
}

// status is the reply's enhanced code. What was deferred too often keeps its 4:
// RFC 3464 section 2.3.4 allows it, and it says that trying later may help.
func status(r otelmail.Reply) string {
	switch {
	case r.Enhanced.String() != "":
		return r.Enhanced.String()
	case r.Code >= 500:
		return "5.0.0"
	}
	return "4.0.0"
}

// diagnosis is the reply on one line; the other server chose its text.
func diagnosis(r otelmail.Reply) string {
	if r.Code == 0 {
		return "no answer: " + r.Cause.String()
	}
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return ' '
		}
		return c
	}, r.Text)
	return strings.TrimSpace(strconv.Itoa(r.Code) + " " + r.Enhanced.String() + " " + text)
}

// headerOf is the message's header without its body.
func headerOf(message []byte) string {
	header, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	return string(header) + "\r\n"
}
