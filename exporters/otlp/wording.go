package otlp

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// wording makes the text of errors fit for a log: short, and without secrets, since a
// receiver may echo a header in its answer.
type wording struct{ secrets *strings.Replacer }

// wordingFor hides the values of headers and other secrets, except short ones: they are
// not secrets, and may be part of ordinary words.
func wordingFor(headers map[string]string, others ...string) wording {
	const shortest = 6
	var pairs []string
	add := func(secret string) {
		if len(secret) < shortest {
			return
		}
		pairs = append(pairs, secret, "…")
		quoted := strconv.Quote(secret) // as it stands in what a receiver said
		if quoted = quoted[1 : len(quoted)-1]; quoted != secret {
			pairs = append(pairs, quoted, "…")
		}
	}
	for _, secret := range others {
		add(secret)
	}
	for _, value := range headers {
		add(value)
		if _, credentials, found := strings.Cut(value, " "); found {
			add(credentials) // what follows "Bearer" or "Basic"
		}
	}
	return wording{strings.NewReplacer(pairs...)}
}

// users finds what stands before the host of a URL: a proxy's, or one that a receiver
// redirects to.
var users = regexp.MustCompile(`://[^\s"/]*@`)

// text is the text of err without what net/http wraps around it: that repeats
// the endpoint, which our own errors name already.
func (w wording) text(err error) string {
	var web *url.Error
	if errors.As(err, &web) {
		err = web.Err
	}
	return cut(users.ReplaceAllString(w.secrets.Replace(err.Error()), "://…@"), 600)
}
