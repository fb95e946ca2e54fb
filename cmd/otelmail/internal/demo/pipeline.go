package demo

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/mail"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rusmes/otelmail"
)

// mailet is a stage of the pipeline.
type mailet struct {
	name string
	work func(ctx context.Context, it *item, message []byte) (otelmail.StageResult, otelmail.Cause)
}

// pipeline is what every message passes once before it is delivered.
type pipeline struct {
	tel     *otelmail.Telemetry
	mailets []mailet
}

func newPipeline(tel *otelmail.Telemetry) *pipeline {
	limit := &rateLimit{failEvery: 20}
	return &pipeline{tel: tel, mailets: []mailet{
		{"spam-filter", (&filter{tel}).work},
		{"virus-scan", virusScan},
		{"rate-limit", limit.work},
	}}
}

// process runs the mailets in turn until one decides otherwise.
func (p *pipeline) process(ctx context.Context, it *item, message []byte) otelmail.Fate {
	processing := p.tel.Mail.Process(ctx, it.facts())
	fate, cause := otelmail.FateError, otelmail.CausePanic
	defer func() { processing.End(fate, cause) }()
	fate, cause = p.runMailets(processing.Context(), it, message)
	return fate
}

func (p *pipeline) runMailets(ctx context.Context, it *item, message []byte) (otelmail.Fate, otelmail.Cause) {
	for _, m := range p.mailets {
		result, cause := p.runMailet(ctx, m, it, message)
		switch result {
		case otelmail.StageContinue:
		case otelmail.StageDrop:
			return otelmail.FateDropped, cause
		default:
			// A mailet that fails must not cost a message: it comes again.
			return otelmail.FateDeferred, cause
		}
	}
	return otelmail.FateQueued, otelmail.CauseNone
}

func (p *pipeline) runMailet(ctx context.Context, m mailet, it *item, message []byte) (result otelmail.StageResult, cause otelmail.Cause) {
	stage := p.tel.Mail.Stage(ctx, m.name, it.facts())
	result, cause = otelmail.StageError, otelmail.CausePanic
	defer func() { stage.End(result, cause) }()
	return m.work(stage.Context(), it, message)
}

// gtube marks a test message as spam for every filter that knows it (Generic
// Test for Unsolicited Bulk Email); it is put together here so that no filter
// takes this source for spam.
const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// filter drops what says X-Spam: yes or holds the GTUBE.
type filter struct{ tel *otelmail.Telemetry }

func (f *filter) work(_ context.Context, _ *item, message []byte) (otelmail.StageResult, otelmail.Cause) {
	score := f.score(message)
	if bytes.Contains(message, []byte(gtube)) || strings.EqualFold(header(message, "X-Spam"), "yes") || score >= 5 {
		f.tel.Filter.Verdict("reject")
		return otelmail.StageDrop, otelmail.CauseNone
	}
	f.tel.Filter.Verdict("no action")
	return otelmail.StageContinue, otelmail.CauseNone
}

// oddField is what the scoring does not understand.
const oddField = "X-Score: much"

// score reads what another filter has found, and panics over what that never says: a bug
// in it must cost no message.
func (f *filter) score(message []byte) (score float64) {
	defer func() {
		if recover() != nil {
			f.tel.Host.Panic(otelmail.ComponentStage)
		}
	}()
	if text := header(message, "X-Score"); text != "" {
		var err error
		if score, err = strconv.ParseFloat(text, 64); err != nil {
			panic(err)
		}
	}
	return score
}

// virusScan finds nothing, but takes as long as a scanner does.
func virusScan(ctx context.Context, _ *item, _ []byte) (otelmail.StageResult, otelmail.Cause) {
	scanned := time.NewTimer(time.Duration(5+rand.IntN(56)) * time.Millisecond)
	defer scanned.Stop()
	select {
	case <-scanned.C:
		return otelmail.StageContinue, otelmail.CauseNone
	case <-ctx.Done():
		return otelmail.StageError, otelmail.CauseOf(ctx.Err())
	}
}

// rateLimit would ask a shared store how much a sender has sent. Now and then
// that store does not answer.
type rateLimit struct {
	failEvery int64
	asked     atomic.Int64
}

func (r *rateLimit) work(context.Context, *item, []byte) (otelmail.StageResult, otelmail.Cause) {
	if r.asked.Add(1)%r.failEvery == 0 {
		return otelmail.StageError, otelmail.CauseTimeout
	}
	return otelmail.StageContinue, otelmail.CauseNone
}

// header returns one field of a message's header, "" when there is none.
func header(message []byte, name string) string {
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return "" // no header that can be read: nothing to find in it
	}
	return strings.TrimSpace(m.Header.Get(name))
}
