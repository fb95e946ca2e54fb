package otelmail

import (
	"cmp"
	"runtime"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/clean"
	"github.com/rusmes/otelmail/internal/machine"
)

var (
	buildInfo = define(catalog.Metric{
		Name: "build_info", Kind: catalog.Gauge, Unit: "{build}", Fleet: catalog.ByHost,
		Help: "1, with the versions that the process was built from",
		Rise: "It never rises. A second version at the same time is a deployment under way; put it beside the moment at which another series changed.",
		Labels: []catalog.Label{
			{Key: "version", Help: "service.version of the resource, or the main module's; `unknown` if there is none"},
			{Key: "goversion", Help: "The Go release"},
			{Key: "otelmail", Help: "The version of otelmail"},
		},
	})
	panics = define(catalog.Metric{
		Name: "panics_total", Kind: catalog.Counter, Unit: "{panic}",
		Help: "Panics of handlers that were contained",
		Rise: "A bug, in a handler of the server's or in a library: the log has the stack. What the client was doing has failed, and tries again.",
		Labels: []catalog.Label{{Key: "component", Values: componentNames,
			Help: "Where. A panic in a stage that ends the whole processing of a message counts as `stage` and as `pipeline`"}},
	})
	acmeErrors = define(catalog.Metric{
		Name: "acme_errors_total", Kind: catalog.Counter, Unit: "{error}",
		Help: "Attempts to get or renew a certificate by ACME (RFC 8555) that failed",
		Rise: "The certificate will not be renewed in time: see " + certificateNotAfter.Name + " for how long there is. rate_limited goes away by waiting and comes back by trying; dns, connection and unauthorized mean that the authority cannot reach us under this name.",
		Labels: []catalog.Label{{Key: "kind", Values: acmeKinds,
			Help: "The problem type of RFC 8555 section 6.7; other for the rest of them, and for a failure without one"}},
	})
)

// Component is a part of the server, where something can panic.
type Component uint8

// The components.
const (
	ComponentOther    Component = iota // none of those below
	ComponentSMTP                      // an SMTP, LMTP or submission session
	ComponentIMAP                      // an IMAP session
	ComponentJMAP                      // a JMAP request
	ComponentPOP3                      // a POP3 session
	ComponentStage                     // a stage of the pipeline
	ComponentPipeline                  // the pipeline
	ComponentQueue                     // work on a message of the queue
	ComponentDelivery                  // an attempt to deliver
	ComponentStorage                   // an operation on the store
)

var componentNames = []string{"smtp", "imap", "jmap", "pop3", "stage", "pipeline", "queue", "delivery", "storage", "other"}

// String returns "smtp", "imap", "jmap", "pop3", "stage", "pipeline", "queue", "delivery",
// "storage" or "other".
func (c Component) String() string { return nameAt(componentNames, c) }

// at is the position of a value of a closed set among the names of its label. The zero
// value stands for all others, whose name is the last: no position is its own.
func at[V ~uint8](v V) int { return int(v) - 1 }

func nameAt[V ~uint8](names []string, v V) string { return nameOrLast(names, at(v)) }

// nameOrLast is the name at a position, and the last one for a position that there is not.
func nameOrLast(names []string, position int) string {
	if position < 0 || position >= len(names) {
		position = len(names) - 1
	}
	return names[position]
}

// Host records what only the machine and the process know: certificates, disks, block
// lists, panics. All methods are safe for concurrent use.
//
// What is watched is asked in the background, never by a collection; a source that fails
// or hangs keeps its last value, and telemetry_source_age_seconds shows how old that is.
// Watching ends with [Telemetry.Shutdown].
type Host struct {
	sources      *sources
	panics       labelledCounter
	acme         labelledCounter
	certificates *named[float64]
	disks        *named[machine.Free]
	blockLists   *blockLists
}

func newHost(b *binder, t *tracer, version string, handle func(error)) *Host {
	bindBuildInfo(b, version)
	s := newSources(b, handle)
	h := &Host{
		sources:      s,
		panics:       b.labelledCounter(panics),
		acme:         b.labelledCounter(acmeErrors),
		certificates: bindCertificates(b),
		disks:        bindDisks(b),
		blockLists:   newBlockLists(b),
	}
	t.panics = h.panics
	return h
}

func bindBuildInfo(b *binder, version string) {
	var attrs []attribute.KeyValue
	var values []string
	for i, v := range []string{cmp.Or(version, "unknown"), runtime.Version(), Version} {
		v = clean.Text(v, maxText)
		values = append(values, v)
		attrs = append(attrs, attribute.String(buildInfo.Labels[i].Key, v))
	}
	b.observe(buildInfo, b.observable(buildInfo), always(1), values, attrs...)
}

// always is a source that does not change.
type always int64

// Load implements source.
func (a always) Load() int64 { return int64(a) }

// Panic counts a panic that the application has contained itself. Those that end a
// handle, by [CausePanic], are counted by it.
func (h *Host) Panic(c Component) { orEmpty(h).panics.add(1, at(c)) }

// panicked counts a panic that ended a handle.
func (t *tracer) panicked(c Component) {
	if t != nil {
		t.panics.add(1, at(c))
	}
}

var acmeKinds = []string{"rate_limited", "dns", "connection", "unauthorized", "caa", "server", "other"}

// ACMEError counts an attempt to get or renew a certificate that failed. problem is the
// type of the problem document (RFC 8555 section 6.7), with or without the prefix
// "urn:ietf:params:acme:error:", such as the ProblemType of golang.org/x/crypto/acme's
// Error; "" where there was none. rateLimited counts as rate_limited, dns, connection, unauthorized
// and caa as themselves, serverInternal as server, and everything else as other.
func (h *Host) ACMEError(problem string) {
	kind := len(acmeKinds) - 1
	switch strings.TrimPrefix(problem, "urn:ietf:params:acme:error:") {
	case "rateLimited":
		kind = 0
	case "dns":
		kind = 1
	case "connection":
		kind = 2
	case "unauthorized":
		kind = 3
	case "caa":
		kind = 4
	case "serverInternal":
		kind = 5
	}
	orEmpty(h).acme.add(1, kind)
}
