package demo

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// String implements [fmt.Stringer].
func (id emailID) String() string { return fmt.Sprintf("e%d-%d", id.mailbox, id.uid) }

// parseEmailID reads what String writes.
func parseEmailID(s string) (emailID, bool) {
	mailbox, uid, _ := strings.Cut(strings.TrimPrefix(s, "e"), "-")
	m, err := strconv.ParseUint(mailbox, 10, 32)
	if err != nil {
		return emailID{}, false
	}
	u, err := strconv.ParseUint(uid, 10, 32)
	id := emailID{uint32(m), imap.UID(u)}
	return id, err == nil && u > 0 && id.String() == s
}

var emailProperties = []string{
	"id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "from", "to",
	"subject", "preview", "hasAttachment", "textBody", "bodyValues",
}

// emailArguments are those of Email/get (RFC 8621 section 4.2).
type emailArguments struct {
	getArguments
	BodyProperties      *[]string `json:"bodyProperties"` // there are but the defaults
	FetchTextBodyValues bool      `json:"fetchTextBodyValues"`
	FetchHTMLBodyValues bool      `json:"fetchHTMLBodyValues"` // there is no HTML
	FetchAllBodyValues  bool      `json:"fetchAllBodyValues"`
	MaxBodyValueBytes   int       `json:"maxBodyValueBytes"` // 0: as much as there is
}

// readMost is how much of a message is looked at: 100 of them at once.
const readMost = 64 << 10

// getEmails is Email/get.
func (r *jmapReading) getEmails(text json.RawMessage) (any, error) {
	var args emailArguments
	if err := unmarshalArguments(text, &args); err != nil {
		return nil, err
	}
	if err := args.check(r, emailProperties); err != nil {
		return nil, err
	}
	switch {
	case args.IDs == nil:
		return nil, &methodError{"requestTooLarge", "all messages are too many: name them"}
	case args.MaxBodyValueBytes < 0:
		return nil, invalidArguments("maxBodyValueBytes is negative")
	}
	state := r.state()
	wanted := map[uint32]imap.UIDSet{}
	for _, s := range *args.IDs {
		if id, ok := parseEmailID(s); ok {
			set := wanted[id.mailbox]
			set.AddNum(id.uid)
			wanted[id.mailbox] = set
		}
	}
	found, err := r.fetch(wanted, readMost)
	if err != nil {
		return nil, err
	}
	response := got{AccountID: args.AccountID, State: state, List: []map[string]any{}, NotFound: []string{}}
	for _, s := range *args.IDs {
		id, _ := parseEmailID(s)
		if m, ok := found[id]; ok {
			response.List = append(response.List, args.pick(args.object(id, m)))
		} else {
			response.NotFound = append(response.NotFound, s)
		}
	}
	return response, nil
}

// fetch returns those of the messages that are there, with the first most bytes
// of their text.
func (r *jmapReading) fetch(wanted map[uint32]imap.UIDSet, most int64) (map[emailID]stored, error) {
	found := map[emailID]stored{}
	mailboxes, err := r.mailboxes()
	if err != nil {
		return nil, err
	}
	for id, uids := range wanted {
		status, ok := mailboxes[id]
		if !ok {
			continue
		}
		reader, err := r.open(status.Mailbox)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		here, err := reader.fetch(uids, most)
		if err != nil {
			return nil, err
		}
		for _, m := range here {
			found[emailID{id, m.uid}] = m
		}
	}
	return found, nil
}

// object is an Email object (RFC 8621 section 4.1).
func (a *emailArguments) object(id emailID, m stored) map[string]any {
	header := readHeader(m.text)
	part := readText(m.text)
	object := map[string]any{
		"id": id.String(), "blobId": id.String(), "threadId": id.String(),
		"mailboxIds": map[string]bool{mailboxID(id.mailbox): true},
		"keywords":   keywords(m.flags), "size": m.size, "receivedAt": m.received.UTC().Format(time.RFC3339),
		"from": addresses(header, "From"), "to": addresses(header, "To"),
		"subject": decodedWords(header.Get("Subject")), "preview": part.preview(),
		"hasAttachment": part.others, "textBody": []any{}, "bodyValues": map[string]any{},
	}
	if !part.found {
		return object
	}
	const partID = "1" // the one part that is shown
	object["textBody"] = []any{map[string]any{
		"partId": partID, "blobId": nil, "size": len(part.text), "name": nil, "type": "text/plain",
		"charset": "utf-8", "disposition": nil, "cid": nil, "language": nil, "location": nil,
	}}
	if a.FetchTextBodyValues || a.FetchAllBodyValues {
		value, truncated := part.upTo(a.MaxBodyValueBytes)
		object["bodyValues"] = map[string]any{partID: map[string]any{
			"value": value, "isEncodingProblem": part.damaged, "isTruncated": truncated || m.size > readMost,
		}}
	}
	return object
}

// keywords are a message's flags (RFC 8621 section 4.1.1).
func keywords(flags []imap.Flag) map[string]bool {
	all := map[string]bool{}
	for _, flag := range flags {
		name := strings.ToLower(string(flag))
		switch name {
		case `\deleted`, `\recent`: // IMAP's own
		default:
			all[strings.Replace(name, `\`, "$", 1)] = true
		}
	}
	return all
}

// addresses are those of a header field, nil if there is none.
func addresses(header mail.Header, field string) any {
	if header.Get(field) == "" {
		return nil
	}
	list, err := header.AddressList(field)
	all := make([]map[string]any, 0, len(list))
	if err != nil {
		// What cannot be read as addresses is shown as a name: RFC 8621 section
		// 4.1.2.3 asks for the best that can be done.
		return append(all, map[string]any{"name": decodedWords(header.Get(field)), "email": ""})
	}
	for _, address := range list {
		var name any
		if address.Name != "" {
			name = address.Name
		}
		all = append(all, map[string]any{"name": name, "email": address.Address})
	}
	return all
}

// decodedWords reads the encoded words of a header field (RFC 2047).
func decodedWords(field string) string {
	if text, err := (&mime.WordDecoder{}).DecodeHeader(field); err == nil {
		field = text
	}
	return strings.ToValidUTF8(field, "\ufffd")
}
