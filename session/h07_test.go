package session

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestH07TrackerDown: a tracker that is down for 24 hours is asked at most 60 times meanwhile, and
// when it is back we are known there within one interval.
func TestH07TrackerDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 64<<10, 64<<10)
		defer w.close()
		const interval = 30 * time.Minute
		tr := w.heard(interval)
		tr.down.Store(true)
		n := w.node(quick)
		at := time.Now()
		n.start(Add{})
		time.Sleep(24 * time.Hour)
		asked, _ := tr.since(n.host.Addr(), at)
		back := time.Now()
		tr.down.Store(false)
		for {
			if st, _ := n.s.Trackers(t.Context(), w.tor.ID); st[0].Working {
				break
			}
			if time.Since(back) > 3*interval {
				t.Fatal("not announced in three intervals")
			}
			time.Sleep(time.Second)
		}
		took := time.Since(back)
		t.Logf("%d announces in 24 h of silence, known again %v after it, with an interval of %v", asked, took, interval)
		if asked > 60 {
			t.Errorf("%d announces, 60 are allowed", asked)
		}
		// A pause between two attempts is at most 33 minutes, spread included.
		if took > interval+interval/10 {
			t.Errorf("known again after %v, an interval is %v", took, interval)
		}
	})
}
