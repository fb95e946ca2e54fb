package settings

import (
	"fmt"
	"time"
)

// What is kept of the traces that have been sampled. KeepRest has no default: without it every
// span leaves as it ends.
var (
	KeepRest = define(Setting{
		Section: Process, Names: []string{"RUSMES_KEEP_REST"},
		Kind: Ratio, Otherwise: "all traces are kept that are sampled, and nothing is held",
		Options: []string{"otelmail.WithKeep"},
		Meaning: "Has traces decided about when their work is done: failures are kept, and of the others this share, such as `0.01`, " +
			"see [sampling.md](sampling.md#keep-failures-and-a-share-of-the-rest)",
	})
	KeepSlow = define(Setting{
		Section: Process, Names: []string{"RUSMES_KEEP_SLOW"},
		Kind: Duration, Low: int64(time.Millisecond), High: int64(30 * 24 * time.Hour), Default: "10s",
		Options: []string{"otelmail.WithKeep"},
		Meaning: "From how long a span on its trace is kept, where `RUSMES_KEEP_REST` is set, as for those below",
	})
	KeepDeferred = define(Setting{
		Section: Process, Names: []string{"RUSMES_KEEP_DEFERRED"},
		Kind: Duration, Low: int64(time.Second), High: int64(30 * 24 * time.Hour), Default: "1h",
		Options: []string{"otelmail.WithKeep"},
		Meaning: "From what age of a message on the trace of an attempt that was deferred is kept",
	})
	KeepWait = define(Setting{
		Section: Process, Names: []string{"RUSMES_KEEP_WAIT"},
		Kind: Duration, Low: int64(100 * time.Millisecond), High: int64(time.Hour), Default: "30s",
		Options: []string{"otelmail.WithKeep"},
		Meaning: "For how long spans are held at most",
	})
	KeepMaxBytes = define(Setting{
		Section: Process, Names: []string{"RUSMES_KEEP_MAX_BYTES"},
		Kind: Size, Low: 1 << 20, High: 1 << 36, Default: fmt.Sprint(64 << 20),
		Options: []string{"otelmail.WithKeep"},
		Meaning: "Bounds the memory of what is held",
	})
)
