package demo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"

	"github.com/rusmes/otelmail"
)

// authenticator evaluates SPF (RFC 7208) and DKIM (RFC 6376) of what other servers bring.
// The results are counted, and nothing more: a real server would go on to DMARC and decide.
type authenticator struct {
	tel      *otelmail.Telemetry
	resolver *net.Resolver
}

// authenticationTime bounds all lookups for one message.
const authenticationTime = 2 * time.Second

func (a *authenticator) evaluate(ctx context.Context, client net.Addr, helo, sender string, message []byte) {
	ctx, cancel := context.WithTimeout(ctx, authenticationTime)
	defer cancel()
	if tcp, ok := client.(*net.TCPAddr); ok {
		result, _ := spf.CheckHostWithSender(tcp.IP, helo, sender, spf.WithResolver(a.resolver), spf.WithContext(ctx)) // an error explains the result
		a.tel.Filter.Authentication("spf", string(result))
	}
	for _, result := range a.dkim(ctx, message) {
		a.tel.Filter.Authentication("dkim", result)
	}
}

// maxSignatures is how many are worth a lookup.
const maxSignatures = 5

// dkim is the result of each signature.
func (a *authenticator) dkim(ctx context.Context, message []byte) (results []string) {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{
		LookupTXT:        func(domain string) ([]string, error) { return a.resolver.LookupTXT(ctx, domain) },
		MaxVerifications: maxSignatures,
	})
	for _, signature := range found {
		switch {
		case signature.Err == nil:
			results = append(results, "pass")
		case dkim.IsTempFail(signature.Err):
			results = append(results, "temperror")
		case dkim.IsPermFail(signature.Err):
			results = append(results, "permerror")
		default:
			results = append(results, "fail")
		}
	}
	switch {
	case len(found) > 0:
		return results
	case err != nil && !errors.Is(err, dkim.ErrTooManySignatures):
		return []string{"neutral"} // RFC 8601 section 2.7.1: it could not be read
	}
	return []string{"none"}
}

// signedDomain is the stranger's domain that signs its mail.
const signedDomain = "shop.example"

// signer signs as the server of a stranger's domain does, whose key is in the DNS.
type signer struct{ key ed25519.PrivateKey }

func newSigner(d *dnsServer) (*signer, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &signer{private}, d.add(`demo._domainkey.` + signedDomain + `. TXT "v=DKIM1; k=ed25519; p=` + base64.StdEncoding.EncodeToString(public) + `"`)
}

// sign returns a message with a signature, if its sender's domain signs.
func (s *signer) sign(from string, message []byte) ([]byte, error) {
	if s == nil || domainOf(from) != signedDomain {
		return message, nil
	}
	var signed bytes.Buffer
	err := dkim.Sign(&signed, bytes.NewReader(message), &dkim.SignOptions{Domain: signedDomain, Selector: "demo", Signer: s.key})
	return signed.Bytes(), err
}
