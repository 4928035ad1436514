package app

import (
	"time"

	"shoal/status"
)

// historySpan is how far back the graphs of all torrents go, and historyStep what one of their values stands for.
const (
	historySpan = 5 * time.Minute
	historyStep = time.Second
)

// longestLook is the longest time between two looks, slow answers and all.
const longestLook = idleEvery + pollTimeout

// history is what came and went of all torrents lately: what the engine remembers, and where it remembers nothing, as Transmission, or lost it with
// its process, what was seen of it. The zero value is ready.
type history struct {
	list []status.Rate // newest last, of historyStep each
	at   time.Time     // of the newest
}

// add takes over the rates of this moment and what the engine remembers, newest last, of step each. A time of which nobody knows is a time of nothing.
func (h *history) add(now time.Time, rate status.Rate, told []status.Rate, step time.Duration, known bool) {
	const most = int(historySpan / historyStep)
	missed := 1
	if gap := now.Sub(h.at); !h.at.IsZero() && gap < historySpan {
		missed = int(gap / historyStep)
		now = h.at.Add(time.Duration(missed) * historyStep) // what is left over counts the next time
		known = known && gap <= longestLook
	} else if !h.at.IsZero() {
		missed, known = most, false
	}
	list := make([]status.Rate, 0, most) // what was sent already is not written to
	list = append(list, h.list...)
	for i := range missed {
		r := rate
		if !known && i < missed-1 {
			r = status.Rate{}
		}
		list = append(list, r)
	}
	if missed > 0 {
		h.at = now
	}
	if each := int(step / historyStep); each > 0 {
		told = told[max(len(told)-most/each, 0):]
		list = list[:max(len(list)-len(told)*each, 0)]
		for _, r := range told {
			for range each {
				list = append(list, r)
			}
		}
	}
	h.list = list[max(len(list)-most, 0):]
}
