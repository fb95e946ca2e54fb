package otelmail_test

import (
	"context"
	"io"
	"log/slog"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/mailconv"
)

// hostEvents are those of the machine, the policy, the store and the stages.
func hostEvents() []event {
	ctx := context.Background()
	ok := otelmail.Reply{Code: 250}
	panicked := otelmail.Reply{Code: 421, Cause: otelmail.CausePanic}
	begun := func(m moves) moves {
		m["smtp_connections_total"], m["active_connections/smtp"], m["tls_sessions_total/no"] = 1, 1, 1
		return m
	}
	return []event{
		{"panics that the application has contained", func(tel *otelmail.Telemetry) {
			for c := range otelmail.ComponentStorage + 1 {
				tel.Host.Panic(c)
			}
			tel.Host.Panic(otelmail.ComponentStorage + 1) // none
		}, moves{"panics_total/smtp": 1, "panics_total/imap": 1, "panics_total/jmap": 1, "panics_total/pop3": 1, "panics_total/stage": 1,
			"panics_total/pipeline": 1, "panics_total/queue": 1, "panics_total/delivery": 1, "panics_total/storage": 1, "panics_total/other": 2}},
		{"a panic of a command that ends the session", func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
			s.Command(mailconv.SMTPRcpt).End(panicked)
			s.End(otelmail.CausePanic)
		}, moves{"panics_total/smtp": 1, "smtp_connections_total": 1, "tls_sessions_total/no": 1, "smtp_errors_total": 2, "smtp_session_duration_seconds": 1,
			"command_duration_seconds/smtp/RCPT":       1,
			"connections_lost_total/rcpt":              1,
			"rejections_total/mx/rcpt/4xx/system/ours": 1,
			"replies_total/smtp/RCPT/4xx":              1}},
		{"panics of two messages", func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleMX, otelmail.Conn{})
			s.Command(mailconv.SMTPData).EndMessage(panicked)
			s.Command(mailconv.SMTPData).EndEach(otelmail.RecipientReply{Reply: panicked}, otelmail.RecipientReply{Reply: ok})
		}, begun(moves{"panics_total/smtp": 2, "smtp_errors_total": 2, "smtp_messages_rejected_total": 1, "smtp_messages_received_total": 1,
			"messages_per_domain_total/_other": 1, "command_duration_seconds/smtp/DATA": 2, "message_recipients/in": 1,
			"rejections_total/mx/data/4xx/system/ours": 2, "replies_total/smtp/DATA/2xx": 1, "replies_total/smtp/DATA/4xx": 2})},
		{"panics of IMAP and POP3", func(tel *otelmail.Telemetry) {
			i := tel.IMAP.Session(ctx, otelmail.Conn{})
			i.Command(mailconv.IMAPFetch).End(otelmail.IMAPReply{Cause: otelmail.CausePanic})
			i.End(otelmail.CausePanic)
			tel.IMAP.Session(ctx, otelmail.Conn{}).End(otelmail.CausePanic)
			p := tel.POP3.Session(ctx, otelmail.Conn{})
			p.Command(mailconv.POP3Retr).End(otelmail.POP3Reply{Cause: otelmail.CausePanic})
			p.End(otelmail.CauseEOF)
		}, moves{"panics_total/imap": 2, "panics_total/pop3": 1, "imap_connections_total": 2, "imap_commands_total": 1, "imap_errors_total": 3, "tls_sessions_total/no": 3,
			"command_duration_seconds/imap/FETCH": 1,
			"command_duration_seconds/pop3/RETR":  1,
			"replies_total/imap/FETCH/none":       1,
			"replies_total/pop3/RETR/error":       1}},
		{"panics on the way of a message", func(tel *otelmail.Telemetry) {
			p := tel.Mail.Process(ctx, otelmail.MessageFacts{})
			tel.Mail.Stage(p.Context(), "virus-scan", otelmail.MessageFacts{}).End(otelmail.StageError, otelmail.CausePanic)
			p.End(otelmail.FateError, otelmail.CausePanic)
			tel.Queue.Dequeue(ctx, otelmail.Message{}, otelmail.MessageFacts{}).End(otelmail.CausePanic)
			tel.Delivery.Attempt(ctx, otelmail.Attempt{}).End(otelmail.Reply{Cause: otelmail.CausePanic})
			tel.Storage.Operation(ctx, otelmail.StoreSync).End(otelmail.CausePanic)
		}, moves{"panics_total/stage": 1, "panics_total/pipeline": 1, "panics_total/queue": 1, "panics_total/delivery": 1, "panics_total/storage": 1,
			"mail_processed_total": 1, "message_processing_latency_seconds": 1, "stage_duration_seconds/virus-scan": 1,
			"store_operation_duration_seconds/sync/error":     1,
			"delivery_attempt_duration_seconds/smtp/deferred": 1,
			"delivery_attempts_total/smtp/deferred/system":    1}},
		{"certificates that are not renewed", func(tel *otelmail.Telemetry) {
			for _, problem := range []string{"urn:ietf:params:acme:error:rateLimited", "dns", "connection", "unauthorized", "caa", "serverInternal",
				"urn:ietf:params:acme:error:badNonce", ""} {
				tel.Host.ACMEError(problem)
			}
		}, moves{"acme_errors_total/rate_limited": 1, "acme_errors_total/dns": 1, "acme_errors_total/connection": 1, "acme_errors_total/unauthorized": 1,
			"acme_errors_total/caa": 1, "acme_errors_total/server": 1, "acme_errors_total/other": 2}},
		{"message authentication", func(tel *otelmail.Telemetry) {
			tel.Filter.Authentication("spf", "pass")
			tel.Filter.Authentication("SPF", "SoftFail")
			tel.Filter.Authentication("dkim", "temperror")
			tel.Filter.Authentication("dkim", "<script>")
			tel.Filter.Authentication("vbr", "pass")
			tel.Filter.Authentication("", "")
		}, moves{"authentication_results_total/spf/pass": 1, "authentication_results_total/spf/softfail": 1, "authentication_results_total/dkim/temperror": 1,
			"authentication_results_total/dkim/other": 1, "authentication_results_total/other/pass": 1, "authentication_results_total/other/other": 1}},
		{"verdicts", func(tel *otelmail.Telemetry) {
			for _, action := range []string{"no action", "accept", "greylist", "add header", "Add_Header", "rewrite subject", "rewrite",
				"soft reject", "reject", "quarantine", ""} {
				tel.Filter.Verdict(action)
			}
		}, moves{"spam_verdicts_total/accept": 2, "spam_verdicts_total/greylist": 1, "spam_verdicts_total/add_header": 2, "spam_verdicts_total/rewrite": 2,
			"spam_verdicts_total/soft_reject": 1, "spam_verdicts_total/reject": 1, "spam_verdicts_total/other": 2}},
		{"rate limits", func(tel *otelmail.Telemetry) {
			tel.Filter.RateLimit(otelmail.LimiterConnection, otelmail.LimitReject)
			tel.Filter.RateLimit(otelmail.LimiterCommand, otelmail.LimitDelay)
			tel.Filter.RateLimit(otelmail.LimiterAuth, otelmail.LimitReject)
			tel.Filter.RateLimit(otelmail.LimiterSender, otelmail.LimitDelay)
			tel.Filter.RateLimit(otelmail.LimiterRecipient, otelmail.LimitOther)
			tel.Filter.RateLimit(otelmail.LimiterOther, otelmail.LimitAction(77))
			tel.Filter.RateLimit(otelmail.Limiter(77), otelmail.LimitReject)
		}, moves{"ratelimit_total/connection/reject": 1, "ratelimit_total/command/delay": 1, "ratelimit_total/auth/reject": 1, "ratelimit_total/sender/delay": 1,
			"ratelimit_total/recipient/other": 1, "ratelimit_total/other/other": 1, "ratelimit_total/other/reject": 1}},
		{"log records", func(tel *otelmail.Telemetry) {
			log := slog.New(tel.LogHandler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
			log.Debug("1")
			log.With("a", 1).WithGroup("g").Info("2")
			log.Log(ctx, slog.LevelInfo+1, "3")
			log.Warn("4")
			log.Error("5")
			log.Log(ctx, slog.LevelError+4, "6")
			log.Log(ctx, slog.LevelDebug-1, "below what is written")
			tel.LocalLogger().Warn("7")
		}, moves{"log_records_total/debug": 1, "log_records_total/info": 2, "log_records_total/warn": 2, "log_records_total/error": 2}},
		{"store operations", func(tel *otelmail.Telemetry) {
			for op := range otelmail.StoreSync + 1 {
				tel.Storage.Operation(ctx, op).End(otelmail.CauseNone)
			}
			tel.Storage.Operation(ctx, otelmail.StoreSync+1).End(otelmail.CauseStorage)
			tel.Storage.IndexLag.Set(7)
		}, moves{"store_operation_duration_seconds/append/ok": 1, "store_operation_duration_seconds/fetch/ok": 1, "store_operation_duration_seconds/search/ok": 1,
			"store_operation_duration_seconds/copy/ok": 1, "store_operation_duration_seconds/delete/ok": 1, "store_operation_duration_seconds/list/ok": 1,
			"store_operation_duration_seconds/sync/ok": 1, "store_operation_duration_seconds/other/ok": 1, "store_operation_duration_seconds/other/error": 1,
			"index_lag_seconds": 7}},
		{"messages of a user, without a key", func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{})
			s.Command(mailconv.SMTPData).End(ok) // nobody has logged in
			auth := s.Command(mailconv.SMTPAuth)
			auth.Note(otelmail.SMTPFacts{User: "bob"})
			auth.End(otelmail.Reply{Code: 235})
			s.Command(mailconv.SMTPData).EndMessage(ok, "a@one.example")
			s.Command(mailconv.SMTPData).EndEach(otelmail.RecipientReply{Recipient: "a@one.example", Reply: ok})
			s.Command(mailconv.SMTPData).End(otelmail.Reply{Code: 550})
		}, begun(moves{"messages_per_sender_total/_other": 2, "smtp_auth_success_total": 1, "smtp_messages_received_total": 3,
			"smtp_messages_rejected_total": 1, "smtp_errors_total": 1, "messages_per_domain_total/one.example": 2,
			"auth_attempts_total/smtp/_OTHER/success": 1, "command_duration_seconds/smtp/AUTH": 1, "command_duration_seconds/smtp/DATA": 4,
			"message_recipients/out": 2, "rejections_total/submission/data/5xx/mailbox/theirs": 1,
			"replies_total/smtp/AUTH/2xx": 1, "replies_total/smtp/DATA/2xx": 3, "replies_total/smtp/DATA/5xx": 1})},
		{"a login that failed", func(tel *otelmail.Telemetry) {
			s := tel.SMTP.Session(ctx, otelmail.RoleSubmission, otelmail.Conn{})
			auth := s.Command(mailconv.SMTPAuth)
			auth.Note(otelmail.SMTPFacts{User: "bob"})
			auth.End(otelmail.Reply{Code: 535})
			s.Command(mailconv.SMTPData).End(ok)
		}, begun(moves{"smtp_auth_failure_total": 1, "smtp_errors_total": 1, "smtp_messages_received_total": 1,
			"auth_attempts_total/smtp/_OTHER/failure": 1, "command_duration_seconds/smtp/AUTH": 1, "command_duration_seconds/smtp/DATA": 1,
			"replies_total/smtp/AUTH/5xx": 1, "replies_total/smtp/DATA/2xx": 1})},
	}
}
