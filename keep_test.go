package otelmail_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// transaction is a session that a message comes by, its way through the pipeline and out.
type transaction struct {
	tel     *otelmail.Telemetry
	session otelmail.SMTPSession
	m       otelmail.Message
	work    otelmail.Dequeueing
}

// takes has a message accepted, and the session ended.
func takes(tel *otelmail.Telemetry) *transaction {
	x := &transaction{tel: tel, session: tel.SMTP.Session(context.Background(), otelmail.RoleMX, otelmail.Conn{})}
	x.session.Command(mailconv.SMTPRcpt).End(otelmail.Reply{Code: 250})
	data := x.session.Command(mailconv.SMTPData)
	m, queueing := tel.Queue.Enqueue(data.Context(), otelmail.MessageFacts{QueueID: "q1"})
	x.m = m
	queueing.End(otelmail.CauseNone)
	data.EndMessage(otelmail.Reply{Code: 250}, "bob@example.org")
	x.session.End(otelmail.CauseNone)
	return x
}

// tries begins work on the message, and attempts to deliver it.
func (x *transaction) tries(r otelmail.Reply) {
	x.work = x.tel.Queue.Dequeue(context.Background(), x.m, otelmail.MessageFacts{})
	x.tel.Delivery.Attempt(x.work.Context(), x.m.Attempt(otelmail.TransportSMTP, "example.org")).End(r)
	x.work.End(otelmail.CauseNone)
}

func (x *transaction) removed(why otelmail.Removal) {
	x.tel.Queue.Remove(x.work.Context(), x.m, why)
}

const spansOfATransaction = 6 // session, RCPT, DATA, enqueue, dequeue, deliver

// TestKeep: what is kept whole where nothing is kept of the rest, and what is not.
func TestKeep(t *testing.T) {
	smtp := func(verb mailconv.SMTPVerb, r otelmail.Reply) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			s.Command(mailconv.SMTPEhlo).End(otelmail.Reply{Code: 250})
			s.Command(verb).End(r)
			s.Command(mailconv.SMTPQuit).End(otelmail.Reply{Code: 221})
			s.End(otelmail.CauseNone)
		}
	}
	attempt := func(r otelmail.Reply, why otelmail.Removal, age time.Duration) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			x := takes(tel)
			x.m.Enqueued = x.m.Enqueued.Add(-age)
			x.tries(r)
			if why != otelmail.RemovedOther {
				x.removed(why)
			}
		}
	}
	imap := func(r otelmail.IMAPReply) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			tel.IMAP.Session(t.Context(), otelmail.Conn{}).Command(mailconv.IMAPFetch).End(r)
		}
	}
	process := func(fate otelmail.Fate, cause otelmail.Cause) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			tel.Mail.Process(t.Context(), otelmail.MessageFacts{}).End(fate, cause)
		}
	}
	stage := func(result otelmail.StageResult, cause otelmail.Cause) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			p := tel.Mail.Process(t.Context(), otelmail.MessageFacts{})
			tel.Mail.Stage(p.Context(), "spam-filter", otelmail.MessageFacts{}).End(result, cause)
			p.End(otelmail.FateDelivered, otelmail.CauseNone)
		}
	}
	lasts := func(begin func(*otelmail.Telemetry) func()) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			end := begin(tel)
			time.Sleep(2 * time.Millisecond) // longer than Slow is
			end()
		}
	}
	application := func(name string, failed bool) func(*otelmail.Telemetry) {
		return func(tel *otelmail.Telemetry) {
			_, span := tel.TracerProvider().Tracer("application").Start(t.Context(), name)
			if failed {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}
	}
	for name, tc := range map[string]struct {
		do   func(*otelmail.Telemetry)
		want int // spans
	}{
		"delivered":                         {attempt(otelmail.Reply{Code: 250}, otelmail.RemovedDelivered, 0), 0},
		"dropped":                           {attempt(otelmail.Reply{Code: 451}, otelmail.RemovedDropped, 0), 0},
		"refused for good, and so bounced":  {attempt(otelmail.Reply{Code: 550}, otelmail.RemovedBounced, 0), spansOfATransaction},
		"refused for good, and not removed": {attempt(otelmail.Reply{Code: 550}, otelmail.RemovedOther, 0), spansOfATransaction},
		"expired":                           {attempt(otelmail.Reply{Code: 451}, otelmail.RemovedExpired, 0), spansOfATransaction},
		"deferred when it is old":           {attempt(otelmail.Reply{Code: 451}, otelmail.RemovedOther, time.Hour), spansOfATransaction},
		"deferred when it is young, and still there": {attempt(otelmail.Reply{Code: 451}, otelmail.RemovedOther, 59*time.Minute), 0},
		"delivered late":                           {attempt(otelmail.Reply{Code: 250}, otelmail.RemovedDelivered, time.Hour), spansOfATransaction},
		"refused: an unknown user":                 {smtp(mailconv.SMTPRcpt, otelmail.Reply{Code: 550, Enhanced: otelmail.EnhancedCode{5, 1, 1}}), 0},
		"refused: a full disk":                     {smtp(mailconv.SMTPData, otelmail.Reply{Code: 452, Enhanced: otelmail.EnhancedCode{4, 3, 1}}), 4},
		"refused: ours, says the application":      {smtp(mailconv.SMTPRcpt, otelmail.Reply{Code: 550, Fault: otelmail.FaultOurs}), 4},
		"refused: theirs, says the application":    {smtp(mailconv.SMTPRcpt, otelmail.Reply{Code: 451, Fault: otelmail.FaultTheirs}), 0},
		"a client that leaves":                     {smtp(mailconv.SMTPData, otelmail.Reply{Cause: otelmail.CauseEOF}), 0},
		"a client that is waited for":              {smtp(mailconv.SMTPData, otelmail.Reply{Cause: otelmail.CauseTimeout}), 0},
		"a panic":                                  {smtp(mailconv.SMTPData, otelmail.Reply{Cause: otelmail.CausePanic}), 4},
		"a wrong password":                         {smtp(mailconv.SMTPAuth, otelmail.Reply{Code: 535, Enhanced: otelmail.EnhancedCode{5, 7, 8}}), 0},
		"a login that fails for the directory":     {smtp(mailconv.SMTPAuth, otelmail.Reply{Code: 454, Enhanced: otelmail.EnhancedCode{4, 7, 0}, Cause: otelmail.CauseRefused}), 4},
		"an IMAP command":                          {imap(otelmail.IMAPReply{Result: otelmail.IMAPOK}), 0},
		"an IMAP command that is wrong":            {imap(otelmail.IMAPReply{Result: otelmail.IMAPBad}), 0},
		"an IMAP command whose client has gone":    {imap(otelmail.IMAPReply{Result: otelmail.IMAPBroken, Cause: otelmail.CauseTimeout}), 0},
		"an IMAP command that the store fails":     {imap(otelmail.IMAPReply{Result: otelmail.IMAPNo, Cause: otelmail.CauseStorage}), 1},
		"an IMAP command, UNAVAILABLE":             {imap(otelmail.IMAPReply{Result: otelmail.IMAPNo, Code: "UNAVAILABLE"}), 1},
		"a message that the pipeline has taken":    {process(otelmail.FateQueued, otelmail.CauseNone), 0},
		"a message that the pipeline has rejected": {process(otelmail.FateRejected, otelmail.CauseNone), 0},
		"a message that the pipeline has bounced":  {process(otelmail.FateBounced, otelmail.CauseNone), 1},
		"a pipeline that fails":                    {process(otelmail.FateError, otelmail.CauseNone), 1},
		"a stage that rejects":                     {stage(otelmail.StageReject, otelmail.CauseNone), 0},
		"a stage that fails":                       {stage(otelmail.StageError, otelmail.CauseDNS), 2},
		"a queue that cannot be written": {func(tel *otelmail.Telemetry) {
			enqueue(t.Context(), tel, otelmail.MessageFacts{}, otelmail.CauseStorage)
		}, 1},
		"a bounce": {func(tel *otelmail.Telemetry) {
			x := takes(tel)
			x.work = tel.Queue.Dequeue(t.Context(), x.m, otelmail.MessageFacts{})
			tel.Mail.Bounced(x.work.Context())
			x.work.End(otelmail.CauseNone)
		}, 5},
		"a JMAP call that fails": {func(tel *otelmail.Telemetry) {
			tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: "Email/get"}).End("serverFail")
		}, 1},
		"a JMAP call that is wrong": {func(tel *otelmail.Telemetry) {
			tel.JMAP.Request(t.Context()).Call(t.Context(), otelmail.JMAPFacts{Method: "Email/get"}).End("invalidArguments")
		}, 0},
		"a POP3 command whose store fails": {func(tel *otelmail.Telemetry) {
			tel.POP3.Session(t.Context(), otelmail.Conn{}).Command(mailconv.POP3Retr).End(otelmail.POP3Reply{Cause: otelmail.CauseStorage})
		}, 1},
		"a span of the application's":             {application("request", false), 0},
		"a span of the application's that failed": {application("request", true), 1},
		"a slow pipeline": {lasts(func(tel *otelmail.Telemetry) func() {
			p := tel.Mail.Process(t.Context(), otelmail.MessageFacts{})
			return func() { p.End(otelmail.FateQueued, otelmail.CauseNone) }
		}), 1},
		"a slow span of the application's": {lasts(func(tel *otelmail.Telemetry) func() {
			_, s := tel.TracerProvider().Tracer("application").Start(t.Context(), "SMTP session")
			return func() { s.End() }
		}), 1},
		"a session and a DATA that the client delays": {lasts(func(tel *otelmail.Telemetry) func() {
			s := tel.SMTP.Session(t.Context(), otelmail.RoleMX, otelmail.Conn{})
			c := s.Command(mailconv.SMTPData)
			return func() { c.End(otelmail.Reply{Code: 250}); s.End(otelmail.CauseNone) }
		}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			slow := time.Hour
			if strings.Contains(name, "slow") || strings.Contains(name, "delays") {
				slow = time.Millisecond
			}
			tel, rec := traced(t, otelmail.WithKeep(otelmail.Keep{Slow: slow}))
			tc.do(tel)
			if got := len(rec.Ended()); got != tc.want {
				t.Errorf("%d spans are passed on, want %d", got, tc.want)
			}
			for _, s := range rec.Ended() {
				if th, _ := ofSampling(s.SpanContext()); th != "0" {
					t.Errorf("%s has the threshold %q, want 0", s.Name(), th)
				}
			}
			if rest, other := decided(t, tel, "share"), decided(t, tel, "rule"); rest != 0 || other != int64(tc.want) {
				t.Errorf("counted are %d of the rest and %d by a rule, want 0 and %d", rest, other, tc.want)
			}
		})
	}
}

func decided(t *testing.T, tel *otelmail.Telemetry, decision string) int64 {
	t.Helper()
	n, err := tel.Value("telemetry_span_decisions_total", decision)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKeptSumsAreTrue: of a hundred thousand messages every failure is kept whole, and what is
// counted from the spans that were kept, each by its weight, is what the counters say, for
// each outcome: also for those of which some are kept by a rule and some in the share.
func TestKeptSumsAreTrue(t *testing.T) {
	t.Parallel()
	const (
		all   = 30_000
		share = 0.1
	)
	tel, rec := traced(t, otelmail.WithKeep(otelmail.Keep{Rest: share, Slow: time.Hour, MaxBytes: 1 << 20}))
	for i := range all {
		m, queueing := tel.Queue.Enqueue(context.Background(), otelmail.MessageFacts{})
		queueing.End(otelmail.CauseNone)
		work := tel.Queue.Dequeue(context.Background(), m, otelmail.MessageFacts{})
		if i%50 == 1 {
			m.Enqueued = m.Enqueued.Add(-2 * time.Hour)
		}
		code, why := 250, otelmail.RemovedDelivered
		switch {
		case i%100 == 0:
			code, why = 550, otelmail.RemovedBounced
		case i%10 == 1: // one in five of them late
			code, why = 451, otelmail.RemovedOther
		}
		tel.Delivery.Attempt(work.Context(), m.Attempt(otelmail.TransportSMTP, "example.org")).End(otelmail.Reply{Code: code})
		work.End(otelmail.CauseNone)
		tel.Queue.Remove(work.Context(), m, why)
	}
	sums, spans := map[string]float64{}, map[trace.TraceID]int{}
	kept := map[string]map[string]int{}
	for _, s := range rec.Ended() {
		spans[s.SpanContext().TraceID()]++
		what := s.Name()
		if outcome := attrs(s)["email.delivery.outcome"]; outcome != "" {
			what = outcome
		}
		th, _ := ofSampling(s.SpanContext())
		if kept[what] == nil {
			kept[what] = map[string]int{}
		}
		kept[what][th]++
		sums[what] += weight(t, s.SpanContext())
	}
	for id, n := range spans {
		if n != 3 {
			t.Fatalf("%d spans of the trace %v, want all 3", n, id)
		}
	}
	for outcome, rule := range map[string]int{"failed": all / 100, "deferred": all / 50, "delivered": 0} {
		reason := map[string]string{"failed": "mailbox", "deferred": "system", "delivered": "none"}[outcome]
		counted, err := tel.Value("delivery_attempts_total", "smtp", outcome, reason)
		if err != nil {
			t.Fatal(err)
		}
		if kept[outcome]["0"] != rule {
			t.Errorf("%s: %d are kept by a rule, want all %d", outcome, kept[outcome]["0"], rule)
		}
		margin := 5 * math.Sqrt((float64(counted)-float64(rule))*(1-share)/share)
		if got := sums[outcome]; math.Abs(got-float64(counted)) > margin+0.5 {
			t.Errorf("%s: %.0f estimated from the spans, %d counted, ± %.0f", outcome, got, counted, margin)
		}
	}
	for _, name := range []string{"queue enqueue", "queue dequeue"} {
		if margin := 5 * math.Sqrt(all*(1-share)/share); math.Abs(sums[name]-all) > margin {
			t.Errorf("%s: %.0f estimated, want %d ± %.0f", name, sums[name], all, margin)
		}
	}
	if rule, rest, none := decided(t, tel, "rule"), decided(t, tel, "share"), decided(t, tel, "none"); rule+rest+none != 3*all || rule != 3*3*all/100 {
		t.Errorf("decided %d, %d and %d", rule, rest, none)
	}
}

// TestKeepAcrossTheQueue: what came before a failure is kept with it as long as the message's
// spans are held: however the session, the queue and the next attempt follow each other.
func TestKeepAcrossTheQueue(t *testing.T) {
	tel, rec := traced(t, otelmail.WithKeep(otelmail.Keep{Slow: time.Hour}))
	x := takes(tel)
	x.tries(otelmail.Reply{Code: 451})
	x.tries(otelmail.Reply{Code: 451})
	if got := len(rec.Ended()); got != 0 {
		t.Fatalf("%d spans are passed on before anything has failed", got)
	}
	x.tries(otelmail.Reply{Code: 550})
	if got := len(rec.Ended()); got != spansOfATransaction+4 { // the last dequeue too
		t.Errorf("%d spans, want %d", got, spansOfATransaction+4)
	}
	x.removed(otelmail.RemovedBounced)

	// Work in a trace of its own: the session's is kept when the message has left the queue.
	tel, rec = traced(t, otelmail.WithKeep(otelmail.Keep{Slow: time.Hour}), otelmail.WithQueueLinkAfter(0))
	x = takes(tel)
	x.tries(otelmail.Reply{Code: 550})
	if got := len(rec.Ended()); got != 2 {
		t.Errorf("%d spans while the message is in the queue, want dequeue and deliver", got)
	}
	x.removed(otelmail.RemovedBounced)
	if got := len(rec.Ended()); got != spansOfATransaction {
		t.Errorf("%d spans of two linked traces, want %d", got, spansOfATransaction)
	}

	// Held for too long: the failure is kept with what comes after that, and the numbers are
	// true all the same.
	tel, rec = traced(t, otelmail.WithKeep(otelmail.Keep{Slow: time.Hour, Wait: 100 * time.Millisecond}))
	x = takes(tel)
	eventually(t, "the session is given up", func() bool {
		n, err := tel.Value("telemetry_early_decisions_total", "age")
		return err == nil && n == 1
	})
	x.tries(otelmail.Reply{Code: 550})
	if got := len(rec.Ended()); got != 2 {
		t.Errorf("%d spans, want dequeue and deliver", got)
	}
}

// TestKeepUntilShutdown: what is held when the server ends is decided, and leaves.
func TestKeepUntilShutdown(t *testing.T) {
	tel, rec := traced(t, otelmail.WithKeep(otelmail.Keep{Rest: 1}))
	takes(tel)
	if got := len(rec.Ended()); got != 0 {
		t.Fatalf("%d spans are passed on before", got)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(rec.Ended()); got != 4 {
		t.Errorf("%d spans, want 4", got)
	}
}

// TestKeeperOfNew: an application's own provider, with a sampler that says nothing of itself.
func TestKeeperOfNew(t *testing.T) {
	rec := tracetest.NewSpanRecorder()
	keeper, err := otelmail.NewKeeper(otelmail.Keep{}, rec)
	if err != nil {
		t.Fatal(err)
	}
	tel := newTelemetry(t, otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(keeper))), otelmail.WithKeeper(keeper))
	x := takes(tel)
	x.tries(otelmail.Reply{Code: 250})
	x.removed(otelmail.RemovedDelivered)
	if got := len(rec.Ended()); got != 0 {
		t.Errorf("%d spans of what went well", got)
	}
	x = takes(tel)
	x.tries(otelmail.Reply{Code: 550})
	for _, s := range rec.Ended() {
		if th, _ := ofSampling(s.SpanContext()); th != "0" {
			t.Errorf("%s has the threshold %q, want 0", s.Name(), th)
		}
	}
	if got := len(rec.Ended()); got != spansOfATransaction || decided(t, tel, "rule") != spansOfATransaction {
		t.Errorf("%d spans, %d counted, want %d", got, decided(t, tel, "rule"), spansOfATransaction)
	}
}

// panicking is what comes next, and is broken.
type panicking struct{ sdktrace.SpanProcessor }

func (panicking) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (panicking) OnEnd(sdktrace.ReadOnlySpan)                     { panic("broken") }

func TestKeeperContainsWhatComesNext(t *testing.T) {
	keeper, err := otelmail.NewKeeper(otelmail.Keep{Rest: 1}, panicking{})
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(keeper))
	_, span := tp.Tracer("application").Start(t.Context(), "request")
	span.End()
}

// TestKeepRefuses: by the option, by NewKeeper and by the variables.
func TestKeepRefuses(t *testing.T) {
	for want, k := range map[string]otelmail.Keep{
		`Rest: "NaN" is not allowed: want a number from 0.0 to 1.0`:                                      {Rest: math.NaN()},
		`Rest: "1.5" is not allowed`:                                                                     {Rest: 1.5},
		`Slow: "-1s" is not allowed: want a duration from 1ms to 720h`:                                   {Slow: -time.Second},
		`Deferred: "1ms" is not allowed: want a duration from 1s to 720h`:                                {Deferred: time.Millisecond},
		`Wait: "2h0m0s" is not allowed: want a duration from 100ms to 1h`:                                {Wait: 2 * time.Hour},
		`MaxBytes: "1000" is not allowed: want whole bytes from 1048576 (1 MiB) to 68719476736 (64 GiB)`: {MaxBytes: 1000},
	} {
		_, started := open(t, otelmail.WithKeep(k))
		_, made := otelmail.NewKeeper(k, tracetest.NewSpanRecorder())
		for who, err := range map[string]error{"WithKeep": started, "NewKeeper": made} {
			if err == nil || !strings.Contains(err.Error(), who+": "+want) {
				t.Errorf("%v, want %s: %s", err, who, want)
			}
		}
	}
	if _, err := otelmail.NewKeeper(otelmail.Keep{}, nil); err == nil || !strings.Contains(err.Error(), "NewKeeper") {
		t.Errorf("nothing comes next: %v", err)
	}
	if _, err := otelmail.New(otelmail.WithKeeper(tracetest.NewSpanRecorder())); err == nil || !strings.Contains(err.Error(), "a *tracetest.SpanRecorder") {
		t.Errorf("no keeper: %v", err)
	}
	if _, err := otelmail.New(otelmail.WithKeeper(nil)); err == nil || !strings.Contains(err.Error(), "WithKeeper") {
		t.Errorf("nil: %v", err)
	}
}

// TestKeepByVariables: RUSMES_KEEP_REST turns it on, and an option wins over all of them.
func TestKeepByVariables(t *testing.T) {
	for name, tc := range map[string]struct {
		opts []otelmail.StartOption
		want int // spans of a message that is delivered after an hour, and of one that is delivered
	}{
		"nothing":        {nil, 2 * spansOfATransaction},
		"without a rest": {[]otelmail.StartOption{lookup("RUSMES_KEEP_DEFERRED", "2h")}, 2 * spansOfATransaction},
		"a rest of 0":    {[]otelmail.StartOption{lookup("RUSMES_KEEP_REST", "0")}, spansOfATransaction},
		"a rest of 1":    {[]otelmail.StartOption{lookup("RUSMES_KEEP_REST", "1.0")}, 2 * spansOfATransaction},
		"another age":    {[]otelmail.StartOption{lookup("RUSMES_KEEP_REST", "0", "RUSMES_KEEP_DEFERRED", "2h")}, 0},
		"by the option":  {[]otelmail.StartOption{lookup("RUSMES_KEEP_REST", "1", "RUSMES_KEEP_DEFERRED", "2h"), otelmail.WithKeep(otelmail.Keep{})}, spansOfATransaction},
	} {
		tel, rec := traced(t, tc.opts...)
		for _, age := range []time.Duration{time.Hour, 0} {
			x := takes(tel)
			x.m.Enqueued = x.m.Enqueued.Add(-age)
			x.tries(otelmail.Reply{Code: 250})
			x.removed(otelmail.RemovedDelivered)
		}
		if got := len(rec.Ended()); got != tc.want {
			t.Errorf("%s: %d spans, want %d", name, got, tc.want)
		}
	}
}
