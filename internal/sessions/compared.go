package sessions

import (
	"maps"
	"slices"
	"strings"

	"github.com/rusmes/otelmail"
)

// LeftOut are the series that are not compared, and why.
var LeftOut = func() map[string]string {
	all := map[string]string{}
	for why, names := range map[string]string{
		"the server's own work behind the protocol": "queue_size queue_retries_total queue_messages queue_bytes queue_oldest_age_seconds queue_expired_total queue_scheduler_lag_seconds " +
			"mail_processed_total mail_delivered_total mail_bounced_total mail_dropped_total message_processing_latency_seconds stage_duration_seconds spam_verdicts_total " +
			"authentication_results_total smtp_messages_sent_total delivery_attempts_total delivery_attempt_duration_seconds delivery_phase_duration_seconds delivery_total_seconds " +
			"delivery_throttled_total outbound_connections outbound_connect_failures_total outbound_tls_total plaintext_fallback_total tlsrpt_sessions_total dns_lookup_duration_seconds " +
			"push_deliveries_total push_delivery_failures_total mailboxes_total messages_total storage_bytes store_operation_duration_seconds index_lag_seconds round_trip_duration_seconds",
		"the host and the process": "acme_errors_total build_info certificate_not_after_timestamp_seconds disk_free_ratio inode_free_ratio dnsbl_listed dnsbl_lookup_duration_seconds " +
			"health_check_changes_total health_check_status log_records_total last_success_timestamp_seconds",
		"what telemetry says of itself": "telemetry_cleaned_total telemetry_deferred telemetry_dropped_total telemetry_early_decisions_total telemetry_local_log_dropped_total " +
			"telemetry_negative_waits_total telemetry_refused_total telemetry_sent_total telemetry_source_age_seconds telemetry_span_decisions_total telemetry_waiting",
		"only the server knows: a limit, a list or a panic looks like any other reply": "panics_total ratelimit_total " +
			"smtp_connections_rejected_blocked_total smtp_connections_rejected_overload_total",
		"only the server knows: who has logged in":                                  "messages_per_sender_total sender_networks",
		"only the server knows: what of a handshake it has read, and why it failed": "tls_handshake_failures_total",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = why
		}
	}
	return all
}()

// catalogue has the names of all series.
var catalogue = func() map[string]bool {
	all := map[string]bool{}
	for _, m := range otelmail.Catalog() {
		all[m.Name] = true
	}
	return all
}()

// labelledCommands are those that replies_total tells apart.
var labelledCommands = func() []string {
	for _, m := range otelmail.Catalog() {
		if m.Name != "replies_total" {
			continue
		}
		for _, label := range m.Labels {
			if label.Key == "command" {
				return label.Values
			}
		}
	}
	return nil
}()

// Sums of series, over what their other labels tell apart.
func authAttempts(protocol string, succeeded bool) string {
	return Name("auth_attempts_total", "protocol", protocol, "result", map[bool]string{true: "success", false: "other"}[succeeded])
}

func commands(protocol, command string) string {
	return Name("command_duration_seconds_count", "command", command, "protocol", protocol)
}

func rejections(stage, class string) string {
	return Name("rejections_total", "class", class, "stage", stage)
}

const handshakes = `tls_handshakes_total{direction="in"}`

// withCommands adds what is counted of every command that was answered, which are spans, too.
func (c Counts) withCommands() Counts {
	all := Counts{}
	all.plus(c)
	for name, n := range c {
		words := strings.Fields(name)
		if len(words) != 4 || words[0] != "span" {
			continue
		}
		protocol, verb, status := strings.ToLower(words[1]), words[2], words[3]
		command, class := verb, status
		if !slices.Contains(labelledCommands, command) {
			command = "other"
		}
		succeeded := status == "ok"
		switch protocol {
		case "smtp":
			class, succeeded = status[:1]+"xx", status[0] == '2'
		case "pop3":
			class = map[string]string{"ok": "ok", "err": "error"}[status]
		}
		all[Name("replies_total", "class", class, "command", command, "protocol", protocol)] += n
		if verb != "IDLE" {
			all[commands(protocol, command)] += n
		}
		if slices.Contains([]string{"AUTH", "LOGIN", "AUTHENTICATE", "PASS", "APOP"}, verb) {
			all[authAttempts(protocol, succeeded)] += n
		}
		if protocol == "smtp" && status[0] >= '4' {
			if stage := map[string]string{"HELO": "helo", "EHLO": "helo", "LHLO": "helo", "MAIL": "mail", "RCPT": "rcpt", "BURL": "data"}[verb]; stage != "" {
				all[rejections(stage, class)] += n
			}
		}
	}
	return all
}

// compared is what of all counts can be compared: series of the catalogue that are not left
// out, in sums over those labels of which the wire does not tell the values, and the spans.
func compared(all Counts, spans bool) Counts {
	counts := Counts{}
	for name, n := range all {
		series, labels := parseName(name)
		base := series
		for _, suffix := range []string{"_count", "_sum"} {
			if trimmed, ok := strings.CutSuffix(series, suffix); ok && catalogue[trimmed] {
				base = trimmed
			}
		}
		switch {
		case strings.HasPrefix(name, "span "):
			if spans {
				counts[name] = n
			}
		case !catalogue[base] || LeftOut[base] != "":
		case series == "auth_attempts_total":
			counts[authAttempts(labels["protocol"], labels["result"] == "success")] += n
		case series == "command_duration_seconds_count":
			counts[commands(labels["protocol"], labels["command"])] += n
		case series == "replies_total" && labels["class"] == "none":
			// A command without a reply: what has become of it is often unknown to its client.
			counts[commands(labels["protocol"], labels["command"])] -= n
		case series == "connections_lost_total":
			counts[series] += n // over the stages
		case series == "rejections_total":
			if labels["stage"] != "connect" { // a limit or a list of the server's
				counts[rejections(labels["stage"], labels["class"])] += n
			}
		case series == "tls_handshakes_total":
			if labels["direction"] == "in" {
				counts[handshakes] += n
			}
		case base == "message_size_bytes", base == "message_recipients":
			counts[series] += n // over both directions
		case strings.HasSuffix(series, "_sum") && base != series: // seconds
		default:
			counts[name] = n
		}
	}
	return counts
}

// parseName takes the name of a series apart.
func parseName(name string) (series string, labels map[string]string) {
	series, rest, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	labels = map[string]string{}
	for rest != "" {
		key, more, _ := strings.Cut(rest, `="`)
		end := strings.Index(more, `"`)
		if end < 0 {
			break
		}
		labels[strings.TrimPrefix(key, ",")] = more[:end]
		rest = more[end+1:]
	}
	return series, labels
}

// adjusted is what must have been counted by a server that has counted now: it need not tell
// the size and the recipients of messages, and may show some domains alone, or none.
func (c Counts) adjusted(now, moved Counts) Counts {
	want := Counts{}
	want.plus(c)
	for _, optional := range []string{"message_size_bytes", "message_recipients"} {
		if moved[optional+"_count"] == 0 {
			delete(want, optional+"_count")
			delete(want, optional+"_sum")
		}
	}
	const perDomain = "messages_per_domain_total"
	other := Name(perDomain, "domain", "_other")
	domains := slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(name string) bool { return strings.HasPrefix(name, perDomain) })
	for name, n := range c {
		_, shown := now[name]
		switch {
		case !strings.HasPrefix(name, perDomain) || shown:
		case !domains:
			delete(want, name)
		case moved[other] >= want[other]+n:
			delete(want, name)
			want[other] += n
		}
	}
	return want
}
