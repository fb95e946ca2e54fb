package demo

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

// textPart is the text of a message: its first part of text/plain.
type textPart struct {
	text    string
	found   bool
	damaged bool // a charset or an encoding that is not known, or wrong
	others  bool // there are other parts
}

// readHeader reads a message's header as far as it can be read.
func readHeader(message []byte) mail.Header {
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return mail.Header{}
	}
	return m.Header
}

// readText finds the text. Messages may be cut off, or made to confuse.
func readText(message []byte) textPart {
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return textPart{}
	}
	return readPart(textproto.MIMEHeader(m.Header), m.Body, 0)
}

// deepestPart bounds how deep multiparts within multiparts are looked into.
const deepestPart = 5

func readPart(header textproto.MIMEHeader, body io.Reader, depth int) textPart {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if header.Get("Content-Type") == "" {
		media, err = "text/plain", nil // RFC 2045 section 5.2
	}
	switch {
	case err != nil:
		return textPart{others: true}
	case strings.HasPrefix(media, "multipart/") && depth < deepestPart:
		return readParts(multipart.NewReader(body, params["boundary"]), depth)
	case media != "text/plain":
		return textPart{others: true}
	}
	return decodePart(header, params["charset"], body)
}

func readParts(parts *multipart.Reader, depth int) textPart {
	var all textPart
	for {
		part, err := parts.NextRawPart()
		if err != nil { // the end, or where it was cut off
			return all
		}
		next := readPart(part.Header, part, depth+1)
		if all.found || !next.found {
			all.others = true
			continue
		}
		next.others = next.others || all.others
		all = next
	}
}

func decodePart(header textproto.MIMEHeader, charset string, body io.Reader) textPart {
	part := textPart{found: true}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	default:
		part.damaged = true
	}
	switch strings.ToLower(charset) {
	case "", "us-ascii", "utf-8":
	default:
		part.damaged = true
	}
	text, err := io.ReadAll(body)
	part.damaged = part.damaged || err != nil || !utf8.Valid(text)
	part.text = strings.ReplaceAll(strings.ToValidUTF8(string(text), "\ufffd"), "\r\n", "\n")
	return part
}

// preview is the beginning of the text, of at most 256 characters (RFC 8621
// section 4.1.4).
func (p textPart) preview() string {
	words := []rune(strings.Join(strings.Fields(p.text), " "))
	return string(words[:min(len(words), 256)])
}

// upTo returns at most so many bytes, none of a character that does not fit.
func (p textPart) upTo(most int) (text string, truncated bool) {
	if most <= 0 || len(p.text) <= most {
		return p.text, false
	}
	for most > 0 && !utf8.RuneStart(p.text[most]) {
		most--
	}
	return p.text[:most], true
}
