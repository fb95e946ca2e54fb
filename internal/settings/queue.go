package settings

import "time"

// QueueLinkAfter has no default: nobody's message is in two traces unasked.
var QueueLinkAfter = define(Setting{
	Section: Process, Names: []string{"RUSMES_QUEUE_LINK_AFTER"},
	Kind: Duration, Low: 0, High: int64(30 * 24 * time.Hour),
	Otherwise: "never: a message is one trace, however late it is tried",
	Options:   []string{"otelmail.WithQueueLinkAfter"},
	Meaning: "From what age in the queue on work on a message is a linked trace of its own, such as `30s`; `0s` is always, " +
		"see [spans.md](spans.md#one-message-one-trace-or-several)",
})
