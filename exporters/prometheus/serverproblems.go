package prometheus

import (
	"regexp"
	"sync"

	"github.com/rusmes/otelmail/internal/report"
)

// The reasons under which the server's problems are counted, see the package comment.
const (
	reasonConnection  = "connection"
	reasonLogin       = "login"
	reasonPassword    = "password"
	reasonRate        = "rate"
	reasonConfig      = "config"
	reasonDescriptors = "descriptors"
)

var serverReasons = []string{reasonConnection, reasonLogin, reasonPassword, reasonRate, reasonConfig, reasonDescriptors}

// newServerProblems counts on the page of h. Of each message one a minute is reported.
func newServerProblems(h *Handler, reporter *report.Reporter, kinds *kinds) (*problems, error) {
	p, err := newCounted(h.own, h.config.namespace+"_telemetry_server_problems_total",
		"What the server of this page and of the probes refused or could not use, by reason.", serverReasons, reporter)
	if err != nil {
		return nil, err
	}
	p.kind = func(one problem) string {
		if one.reason == reasonConfig {
			return kinds.of(one.err.Error())
		}
		return one.err.Error() // the same each time; a flood must not cost two searches each
	}
	return p, nil
}

// kinds tells messages apart by what is the same each time. Their number is bounded, because
// strangers can write a part of them.
type kinds struct {
	mu   sync.Mutex
	seen map[string]struct{}
}

const mostKinds = 50

var (
	peerInText = regexp.MustCompile(`(from|serving) \S+: `)
	varying    = regexp.MustCompile(`"[^"]*"|\[[^\]]*\]|[0-9]+|(?s:\n.*)`)
)

// of returns the first line of the message without the peer's address, numbers and quotations.
func (k *kinds) of(text string) string {
	text = varying.ReplaceAllString(peerInText.ReplaceAllString(text, "$1: "), "")
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.seen[text]; ok {
		return text
	}
	if len(k.seen) >= mostKinds {
		return "others"
	}
	if k.seen == nil {
		k.seen = make(map[string]struct{})
	}
	k.seen[text] = struct{}{}
	return text
}
