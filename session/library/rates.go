package library

import (
	"context"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// How far the history of rates goes back.
const (
	allSteps, allStep = 300, time.Second
	oneSteps, oneStep = 60, 5 * time.Second
)

// series is how many bytes moved in each of the last steps. Steps are numbered from the start on.
type series struct {
	bytes  []status.Rate // by the step's number modulo the length
	step   time.Duration
	newest int
}

// newSeries keeps n whole steps, and those beside that may still grow: what moved is known up to maxGap late.
func newSeries(n int, step time.Duration) *series {
	return &series{bytes: make([]status.Rate, n+int(maxGap/step)+2), step: step}
}

// reach makes room for the step in which the moment at lies.
func (s *series) reach(at time.Duration) {
	to := int(at / s.step)
	for n := max(s.newest+1, to-len(s.bytes)+1); n <= to; n++ {
		s.bytes[n%len(s.bytes)] = status.Rate{}
	}
	s.newest = max(s.newest, to)
}

// add counts bytes that moved between two moments, evenly.
func (s *series) add(from, to time.Duration, down, up int64) {
	s.reach(to)
	var before status.Rate
	for at := from; ; {
		n := int(at / s.step)
		at = min(time.Duration(n+1)*s.step, to)
		sum := status.Rate{Down: down, Up: up}
		if at < to {
			share := float64(at-from) / float64(to-from)
			sum = status.Rate{Down: int64(share * float64(down)), Up: int64(share * float64(up))}
		}
		if b := &s.bytes[n%len(s.bytes)]; n > s.newest-len(s.bytes) {
			b.Down, b.Up = b.Down+sum.Down-before.Down, b.Up+sum.Up-before.Up
		}
		if before = sum; at >= to {
			return
		}
	}
}

// last returns the rates of the last whole steps before a moment, at most n, and whether anything moved in them or since.
func (s *series) last(n int, at time.Duration) (list []status.Rate, moved bool) {
	end := int(at / s.step)
	list = make([]status.Rate, 0, min(n, end))
	for k := max(0, end-n); k <= s.newest || k < end; k++ {
		var r status.Rate
		if k <= s.newest && k > s.newest-len(s.bytes) {
			r = s.bytes[k%len(s.bytes)]
		}
		moved = moved || r != status.Rate{}
		if k < end {
			second := int64(s.step / time.Second)
			list = append(list, status.Rate{Down: r.Down / second, Up: r.Up / second})
		}
	}
	return list, moved
}

// history is what moved lately: in all torrents, and in each one that moved something within that time, a KiB each. Library.mu guards
// it. Its moments are times since it began.
type history struct {
	begun time.Time // monotonic
	until time.Duration
	swept time.Duration
	all   *series
	each  map[*item]*series
}

func newHistory(now time.Time) history {
	return history{begun: now, all: newSeries(allSteps, allStep), each: map[*item]*series{}}
}

// moved counts what an item moved up to now, in the time that passed since it was counted last.
func (h *history) moved(it *item, now time.Time, passed time.Duration, down, up int64) {
	if down == 0 && up == 0 {
		return
	}
	to := now.Sub(h.begun)
	from := max(to-passed, 0)
	h.all.add(from, to, down, up)
	one := h.each[it]
	if one == nil {
		one = newSeries(oneSteps, oneStep)
		h.each[it] = one
	}
	one.add(from, to, down, up)
}

// looked notes that all torrents were looked at since a moment: steps that were over then are whole.
func (h *history) looked(at time.Time) {
	h.until = at.Sub(h.begun)
	if h.until-h.swept < oneStep {
		return
	}
	h.swept = h.until
	for it, s := range h.each {
		if _, moved := s.last(oneSteps, h.until); !moved || it.gone {
			delete(h.each, it)
		}
	}
}

// Rates implements status.Engine.
func (l *Library) Rates(ctx context.Context, id metainfo.ID) (list []status.Rate, step time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := &l.rates
	if id == (metainfo.ID{}) {
		list, _ = h.all.last(allSteps, h.until)
		return list, allStep, ctx.Err()
	}
	it, err := l.get(id)
	if err != nil {
		return nil, 0, err
	}
	if s := h.each[it]; s != nil {
		list, _ = s.last(oneSteps, h.until)
	}
	return list, oneStep, ctx.Err()
}
