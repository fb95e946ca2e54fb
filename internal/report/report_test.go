package report_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rusmes/otelmail/internal/report"
)

func TestReportsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var texts []string
		r := report.New(func(err error) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v has lost its cause", err)
			}
			texts = append(texts, err.Error())
		}, func(err error) string { return "p: " + err.Error() })
		for range 1000 {
			r.Report("a", context.DeadlineExceeded)
		}
		r.Report("b", context.DeadlineExceeded)
		time.Sleep(time.Minute - 1)
		r.Report("b", context.DeadlineExceeded)
		time.Sleep(time.Nanosecond)
		for range 2 {
			r.Report("a", context.DeadlineExceeded)
		}
		time.Sleep(time.Hour)
		r.Report("b", context.DeadlineExceeded)
		const text = "p: context deadline exceeded"
		want := []string{text, text, text + " (999 more since the last report)", text + " (1 more since the last report)"}
		if !slices.Equal(texts, want) {
			t.Errorf("reports: %q, want %q", texts, want)
		}
	})
}
