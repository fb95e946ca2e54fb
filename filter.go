package otelmail

import (
	"slices"
	"strings"

	"github.com/rusmes/otelmail/catalog"
)

var (
	authenticationResults = define(catalog.Metric{
		Name: "authentication_results_total", Kind: catalog.Counter, Unit: "{result}",
		Help: "Results of message authentication (RFC 8601): of SPF, DKIM, DMARC, ARC and the reverse name",
		Rise: "fail: somebody forges addresses, or a large sender has broken its setup. temperror: our own resolver fails, and mail waits or passes unchecked. A fall of pass to zero: nothing is evaluated any more.",
		Labels: []catalog.Label{
			{Key: "method", Values: authMethods, Help: "What was evaluated (RFC 8601 section 2.7, RFC 8617)"},
			{Key: "result", Values: methodResults, Help: "How it ended (RFC 8601 section 2.7)"},
		},
	})
	spamVerdicts = define(catalog.Metric{
		Name: "spam_verdicts_total", Kind: catalog.Counter, Unit: "{message}",
		Help: "Messages that a spam filter has judged, by what it asked for",
		Rise: "A wave of spam, or a rule that is too wide: look for users who miss mail. All of it accept: the filter's lists or its learning are away.",
		Labels: []catalog.Label{{Key: "action", Values: spamActions,
			Help: "What the filter asked for, in rspamd's words"}},
	})
	rateLimits = define(catalog.Metric{
		Name: "ratelimit_total", Kind: catalog.Counter, Unit: "{decision}",
		Help: "Times that a limit of our own made somebody wait or go",
		Rise: "sender: a stolen account or a mailing, see " + messagesPerSender.Name + ". auth: password guessing. connection and command: a flood, or a limit that is too tight for a busy server of somebody else's.",
		Labels: []catalog.Label{
			{Key: "limiter", Values: limiterNames, Help: "What was limited"},
			{Key: "action", Values: limitActionNames, Help: "What was done about it"},
		},
	})
)

var (
	authMethods   = []string{"spf", "dkim", "dmarc", "arc", "iprev", "other"}
	methodResults = []string{"none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror", "other"}
	spamActions   = []string{"accept", "greylist", "add_header", "rewrite", "soft_reject", "reject", "other"}
)

// Filter records what a server's policy made of messages and clients. All methods are safe
// for concurrent use.
type Filter struct {
	authentication labelledCounter
	verdicts       labelledCounter
	limits         labelledCounter
}

func newFilter(b *binder) *Filter {
	return &Filter{b.labelledCounter(authenticationResults), b.labelledCounter(spamVerdicts), b.labelledCounter(rateLimits)}
}

// Authentication counts one result of message authentication, as the header field
// Authentication-Results has it (RFC 8601). method is spf, dkim, dmarc, arc or iprev; result is
// none, pass, fail, softfail, neutral, policy, temperror or permerror. Both in any case; every
// other value counts as other. A message with two DKIM signatures has two results.
func (f *Filter) Authentication(method, result string) {
	orEmpty(f).authentication.add(1, valueAt(authMethods, method), valueAt(methodResults, result))
}

// Verdict counts a message that a spam filter has judged, by the action that it asked for,
// in the words of rspamd: "no action" or "accept", "greylist", "add header", "rewrite subject" or
// "rewrite", "soft reject", "reject". In any case, with blanks or underscores; every other value
// counts as other.
func (f *Filter) Verdict(action string) {
	action = strings.ReplaceAll(action, " ", "_")
	switch {
	case strings.EqualFold(action, "no_action"):
		action = "accept"
	case strings.EqualFold(action, "rewrite_subject"):
		action = "rewrite"
	}
	orEmpty(f).verdicts.add(1, valueAt(spamActions, action))
}

// valueAt is where a value stands in a closed set, -1 for others: they count as the last.
func valueAt(set []string, value string) int {
	return slices.IndexFunc(set, func(s string) bool { return strings.EqualFold(s, value) })
}

// Limiter is what a rate limit is about.
type Limiter uint8

// The limiters.
const (
	LimiterOther      Limiter = iota // none of those below
	LimiterConnection                // connections of an address or network
	LimiterCommand                   // commands of a session
	LimiterAuth                      // attempts to log in
	LimiterSender                    // messages of a sender or account
	LimiterRecipient                 // messages for a recipient, or recipients of a message
)

var limiterNames = []string{"connection", "command", "auth", "sender", "recipient", "other"}

// String returns "connection", "command", "auth", "sender", "recipient" or "other".
func (l Limiter) String() string { return nameAt(limiterNames, l) }

// LimitAction is what a rate limit did.
type LimitAction uint8

// The actions.
const (
	LimitOther  LimitAction = iota // none of those below
	LimitDelay                     // made to wait
	LimitReject                    // refused
)

var limitActionNames = []string{"delay", "reject", "other"}

// String returns "delay", "reject" or "other".
func (a LimitAction) String() string { return nameAt(limitActionNames, a) }

// RateLimit counts a limit that was exceeded. What stays within its limit is not counted.
func (f *Filter) RateLimit(l Limiter, action LimitAction) {
	orEmpty(f).limits.add(1, at(l), at(action))
}
