package otelmail

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rusmes/otelmail/internal/clean"
)

// Privacy says what of addresses, names and ids may leave the process on spans
// and logs. Labels of metrics never hold more than a domain.
type Privacy uint8

// The privacy policies. Hashes of users and ids are keyed (HMAC-SHA-256, see
// [WithHashKey]): equal values stay recognisable for as long as the key is kept,
// and cannot be guessed without it.
const (
	// PrivacyDomain keeps the domain of an address and shows the rest only as a
	// hash (user.hash); client addresses have their bits behind /24 or /48 zeroed; message
	// ids and mailbox names are hashed; HELO names and reply texts are left out.
	PrivacyDomain Privacy = iota
	// PrivacyHash is PrivacyDomain without domains and without client addresses.
	PrivacyHash
	// PrivacyFull keeps everything as it is, in valid UTF-8 of bounded length.
	PrivacyFull
	// PrivacyNone leaves all of it out, even the hashes.
	PrivacyNone

	privacyEnd
)

// String returns "domain", "hash", "full" or "none".
func (p Privacy) String() string {
	switch p {
	case PrivacyDomain:
		return "domain"
	case PrivacyHash:
		return "hash"
	case PrivacyFull:
		return "full"
	case PrivacyNone:
		return "none"
	}
	return "unknown"
}

// The bounds of what may stand in one attribute, in bytes.
const (
	maxText    = 256 // a name, an id
	maxReply   = 512 // RFC 5321 section 4.5.3.1.5: a reply line
	maxAddress = 320 // RFC 3696: 64 + 1 + 255
)

// redactor applies the privacy policy; [attributes] is the one place where what
// strangers chose becomes attributes.
type redactor struct {
	policy Privacy
	counts *self
	macs   atomic.Pointer[sync.Pool] // of the key in force
}

// redactor is the one of all that is built of c, so that a new key reaches all of it.
func (c *config) redactor() *redactor {
	if c.redact == nil {
		c.redact = newRedactor(c.privacy, c.hashKey, c.self)
	}
	return c.redact
}

// forms are what [attributes] makes of text where it is an address, a user or an id.
func (r *redactor) forms(text string) []string {
	if text == "" || r.policy == PrivacyNone {
		return nil
	}
	forms := []string{r.hash(clean.Address(text)), r.hash(text)}
	if r.policy == PrivacyFull {
		forms = append(forms, clean.Text(text, maxAddress), clean.Text(text, maxText))
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// mac is a keyed hash with its buffers: keying one costs as much as hashing.
type mac struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newRedactor(policy Privacy, key []byte, counts *self) *redactor {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // crypto/rand.Read never returns an error
	}
	r := &redactor{policy: policy, counts: counts}
	r.setKey(key)
	return r
}

func (r *redactor) setKey(key []byte) {
	r.macs.Store(&sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, key)} }})
}

// clean is [clean.Text], counted.
func (r *redactor) clean(s string, most int) string {
	c := clean.Text(s, most)
	switch {
	case c == s:
	case len(s) > most && clean.IsText(s):
		r.counts.tooLong.Add(1)
	default:
		r.counts.notText.Add(1)
	}
	return c
}

// hash returns 16 hexadecimal digits: few enough to read, and enough that two
// of a million users collide once in thirty million tries.
func (r *redactor) hash(s string) string {
	macs := r.macs.Load()
	m := macs.Get().(*mac)
	defer macs.Put(m)
	m.Reset()
	m.text = append(m.text[:0], s...)
	m.Write(m.text)
	return hex.EncodeToString(m.Sum(m.sum[:0])[:8])
}
