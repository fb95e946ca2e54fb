package otlp

import "github.com/rusmes/otelmail/internal/clean"

// maxBatch is roughly how many bytes one request may have: a receiver takes 4 MiB by
// default.
const maxBatch = 3 << 20

// cut makes t valid UTF-8 of at most limit bytes.
func cut(t string, limit int) string { return clean.Cut(t, limit) }

// batches calls send with runs of items that are estimated to fit one request.
func batches[T any](items []T, weigh func(*T) int, send func([]T)) {
	runs(items, weigh, func(some []T, _ int) { send(some) })
}

// runs is [batches] with the weight of each run, in bytes.
func runs[T any](items []T, weigh func(*T) int, send func(some []T, weight int)) {
	start, size := 0, 0
	for i := range items {
		w := weigh(&items[i])
		if i > start && size+w > maxBatch {
			send(items[start:i], size)
			start, size = i, 0
		}
		size += w
	}
	if start < len(items) {
		send(items[start:], size)
	}
}
