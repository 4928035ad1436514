package swarm

import (
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// TestRestful: the loop rests while a seed sends much, to nobody much of it, and at no other time.
func TestRestful(t *testing.T) {
	const peers = 40
	for _, tt := range []struct {
		name string
		have string
		rate int // each of the peers, a second
		fast int // one of them
		want bool
	}{
		{name: "many take a little", have: "have=all", rate: 512 << 10, fast: 512 << 10, want: true},
		{name: "one takes much", have: "have=all", rate: 512 << 10, fast: 4 * gentle},
		{name: "many take next to nothing", have: "have=all", rate: 16 << 10, fast: 16 << 10},
		{name: "nobody takes anything", have: "have=all"},
		{name: "we are no seed", have: "have=0,1,2", rate: 512 << 10, fast: 512 << 10},
	} {
		s := newScript(t, "pieces=200", "blocks=2", tt.have, "slots=50")
		s.mute["publish"] = true
		for id := range peers {
			s.attach(piece.PeerID(id+1), false)
			s.says(piece.PeerID(id+1), wire.Message{Kind: wire.Bitfield, Data: make([]byte, 25)}, wire.Message{Kind: wire.Interested})
		}
		for range 10 {
			for id := range peers {
				n := tt.rate
				if id == 7 {
					n = tt.fast
				}
				if n > 0 {
					s.step(event{kind: evUploaded, peer: piece.PeerID(id + 1), n: 0, bytes: n})
				}
			}
			s.pass(t, "1s")
		}
		if s.c.rests != tt.want {
			t.Errorf("%s: rests is %v at %.0f bytes a second", tt.name, s.c.rests, s.c.tot.upMeter.quick)
		}
		// What was true for a second is true no longer when they leave.
		for id := range peers {
			s.step(event{kind: evClosed, peer: piece.PeerID(id + 1)})
		}
		if s.pass(t, "30s"); s.c.rests {
			t.Errorf("%s: rests with nobody there", tt.name)
		}
	}
}

// TestRest: events that come while the loop rests are one turn, soon after the first of them; without a rest each is a turn of its own.
func TestRest(t *testing.T) {
	const events, gap = 24, restFor / 8
	for _, rests := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := run(4, 1, func(c *Config) {
				c.Have = metainfo.NewBitfield(4)
				c.Have.SetAll()
			})
			defer w.end()
			time.Sleep(100 * time.Millisecond) // clear of ticks
			w.inbox.post(event{kind: evAsk, more: &eventMore{ask: func(m mind) { m.shared().rests = rests }}})
			time.Sleep(2 * restFor)
			turns := map[time.Time]bool{}
			most := time.Duration(0)
			for range events {
				posted := time.Now()
				w.inbox.post(event{kind: evAsk, more: &eventMore{ask: func(mind) {
					turns[time.Now()] = true
					most = max(most, time.Since(posted))
				}}})
				time.Sleep(gap)
			}
			time.Sleep(2 * restFor)
			synctest.Wait()
			switch n := len(turns); {
			case !rests && (n != events || most > 0):
				t.Errorf("without rests: %d turns for %d events, %v late", n, events, most)
			case rests && (n > events/8+1 || most > restFor):
				t.Errorf("with rests: %d turns for %d events, %v late", n, events, most)
			}
		})
	}
}
