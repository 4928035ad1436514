package session

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestExternalVotes: an address counts when three networks or one tracker name it, is outvoted by more, and is not
// taken from who cannot know.
func TestExternalVotes(t *testing.T) {
	ip := netip.MustParseAddr
	us, lie, home, us6 := ip("203.0.113.9"), ip("198.51.100.1"), ip("192.168.1.7"), ip("2001:db8::7")
	var x external
	is := func(what string, want ...netip.Addr) {
		t.Helper()
		if got := x.known(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	x.add(us, ip("1.1.1.1"), 1)
	x.add(us, ip("1.1.2.2"), 1) // the same network
	x.add(us, ip("1.2.1.1"), 1)
	is("two networks")
	if !x.add(us, ip("::ffff:1.3.1.1"), 1) {
		t.Error("the third network changes nothing")
	}
	is("three networks", us)
	for range 100 {
		x.add(lie, ip("2.2.2.2"), 1)
	}
	is("one that says it again and again", us)
	x.add(lie, ip("2.3.2.2"), 1)
	x.add(lie, ip("2.4.2.2"), 1)
	is("as many as before", us)
	x.add(home, ip("8.8.8.8"), trackerVotes)
	is("somebody on the internet names an address at home", us)
	x.add(home, ip("192.168.1.1"), trackerVotes)
	is("a tracker at home", us)
	x.add(ip("0.0.0.0"), ip("8.8.8.8"), trackerVotes)
	x.add(ip("224.0.0.1"), ip("8.8.8.8"), trackerVotes)
	is("no address at all", us)
	x.add(us6, ip("8.8.8.8"), trackerVotes)
	is("a tracker alone", us, us6)
	x.add(lie, ip("8.8.8.8"), trackerVotes)
	is("a tracker and three networks against three", lie, us6)
	for i := range 1000 {
		x.add(us, netip.AddrFrom4([4]byte{9, byte(i), 1, 1}), 1)
	}
	is("many networks", us, us6)
	if len(x.votes) > mostVotes {
		t.Errorf("%d votes are remembered", len(x.votes))
	}
	x.forget()
	is("another network")
	x.add(home, ip("192.168.1.1"), trackerVotes)
	is("a closed network", home)
}

// TestExternalFromTracker: our own tracker names our address (BEP 24), and Stats shows it.
func TestExternalFromTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		n := w.node(quick).seed()
		time.Sleep(10 * time.Second)
		if st, err := n.s.Stats(context.Background()); err != nil || st.External != n.host.Addr() {
			t.Errorf("%v, %v; it is %v", st.External, err, n.host.Addr())
		}
	})
}
