package app

import (
	"testing"
	"time"

	"shoal/status"
)

// TestHistoryKeepsTime: of a daemon that remembers nothing the graphs are of the time that they say, however long its answers take; of a time in which
// nobody looked they have nothing.
func TestHistoryKeepsTime(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var h history
	const pace = 1900 * time.Millisecond
	rounds := int(historySpan/pace) + 1
	for range rounds {
		h.add(at, status.Rate{Down: 7}, nil, 0, true)
		at = at.Add(pace)
	}
	if got := time.Duration(len(h.list)) * historyStep; got < historySpan-2*historyStep {
		t.Errorf("after %v it is of %v", time.Duration(rounds)*pace, got)
	}
	h.add(at.Add(10*time.Minute), status.Rate{Down: 9}, nil, 0, true)
	for i, r := range h.list {
		if want := int64(0); i < len(h.list)-1 && r.Down != want {
			t.Fatalf("value %d of a time in which nobody looked is %d", i, r.Down)
		}
	}
	if last := h.list[len(h.list)-1].Down; last != 9 || len(h.list) != int(historySpan/historyStep) {
		t.Errorf("%d, %d values", last, len(h.list))
	}
}
