package session

import (
	"context"
	"time"
)

// totalsEvery is how often the totals of a torrent that only uploads are
// saved: a kill loses a minute of statistics at most.
const totalsEvery = 60

// trimEvery is for how many seconds memory for blocks is kept that nobody needs.
const trimEvery = 10

// inspect looks once a second at the files of all torrents that are awake, so that one that
// was changed by somebody else is not served for longer than that.
func (s *Session) inspect(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	deal := shares{s: s, begun: time.Now()}
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		list := s.reg.all()
		for _, t := range list {
			s.look(t, n%totalsEvery == 0)
		}
		s.doze(list, time.Now())
		deal.deal(list)
		if n%trimEvery == 0 {
			s.pool.Trim()
		}
	}
}

func (s *Session) look(t *torrent, totals bool) {
	sw := t.running()
	if !t.begun.Load() {
		return
	}
	if t.stopped() != nil {
		s.lookForSpace(t)
		return
	}
	if err := t.store.Inspect(); err != nil {
		sw.Fail(err)
	}
	if rec := t.record.get(); totals && sw.Snapshot().UpTotal != rec.UpTotal {
		s.keep.changed(t, 0)
	}
}
