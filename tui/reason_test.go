package tui

import (
	"strings"
	"testing"
	"time"

	"shoal/status"
)

// held is a torrent that one cause has kept back for the most of the last minute, and does so now.
func held(c status.Cause, change func(*status.Entry)) *status.Entry {
	peers, choking := 3, 0
	switch c {
	case status.Unreachable:
		peers = 0
	case status.Choked:
		choking = 2
	}
	e := &status.Entry{Torrent: *slowed(c, peers, choking)}
	e.Time.Minute[c], e.Time.Minute[(c+1)%status.Cause(status.NumCauses)] = 45*time.Second, 15*time.Second
	e.Time.All = e.Time.Minute
	if change != nil {
		change(e)
	}
	return e
}

func TestReasonOfEachCause(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cause  status.Cause
		change func(*status.Entry)
		want   string
	}{
		{"running", status.Running, func(e *status.Entry) { e.PeersSending, e.Down = 2, 1_200_000 },
			"Nothing here holds it back (2 peers send, 1.2 MB/s); the peers, or the line to them, set the pace: more peers may make it faster."},
		{"running for nobody", status.Running, nil, "Nothing here holds it back; the peers,"},
		{"no peers", status.NoPeers, func(e *status.Entry) { e.Peers = 0 }, "No peers are found; look what the trackers say, add a tracker, or wait until somebody comes."},
		{"no peers, private", status.NoPeers, func(e *status.Entry) { e.Peers, e.Private = 0, true }, "No peers are found; it is private, so only its trackers name peers: look what they say."},
		{"being dialled", status.NoPeers, func(e *status.Entry) { e.Peers, e.Dialing = 0, 4 }, "No peers are connected yet (4 are being dialled); "},
		{"nobody has it", status.NoPeers, func(e *status.Entry) { e.Seeds = 1 }, "No peer has what is missing (3 peers connected, 1 of them a seed); wait for a seed or look for one: the rest may be nowhere just now."},
		{"not reachable", status.Unreachable, func(e *status.Entry) { e.Candidates = 1 },
			"The peers that are known do not answer (1 address yet to be tried again); they may be gone or behind a firewall: let the listening port through, so that they can connect to us."},
		{"choked", status.Choked, nil, "It is choked by 2 of 3 peers, who have what is missing and do not let us ask for it; others are served first: who uploads is unchoked sooner, so leave room for upload, and find more peers."},
		{"choked by one", status.Choked, func(e *status.Entry) { e.PeersChoking = 1 }, "It is choked by 1 of 3 peers, who has what is missing and does not let us ask for it; others are served first: "},
		{"limit of the torrent", status.Limited, func(e *status.Entry) { e.DownLimit = 50_000 }, "Our download limit holds it back (that of this torrent is 50 kB/s); raise or lift it to go faster."},
		{"limit of all", status.Limited, nil, "Our download limit, that of the settings, holds it back; raise or lift it to go faster."},
		{"disk", status.DiskBound, nil, "The disk does not keep up: what is yet to be written takes all memory for pieces; use a faster disk, let fewer torrents run at a time, or allow more memory for pieces."},
		{"request window", status.WindowBound, nil, "The way to the peers is long, and they take no more requests at a time; more peers help, or nearer ones: no setting here holds it back."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Why(held(tt.cause, tt.change), Around{Limit: -1})
			if got := r.String(); !strings.HasPrefix(got, tt.want) || !strings.HasSuffix(got, ".") || strings.Count(got, ".")-strings.Count(got, "1.2") != 1 {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if r.Advice == "" {
				t.Error("without advice")
			}
			if p := Percents(r.Shares); len(p) != 2 || p[0] != 75 || p[1] != 25 || r.Shares[0].Cause != tt.cause || r.Cause != tt.cause {
				t.Errorf("%v, shares %v %v", r.Cause, r.Shares, p)
			}
		})
	}
}

// TestReasonHoldsNow: what is said agrees with the figures beside it, however the time before went.
func TestReasonHoldsNow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cause  status.Cause // took the most of the last minute and of the last seconds
		change func(*status.Entry)
		limit  int64
		want   status.Cause
		say    string
	}{
		{"a seed has come", status.NoPeers, func(e *status.Entry) { e.PeersSending, e.Down = 1, 500_000 }, 0, status.Running, "Nothing here holds it back (1 peer sends, 500 kB/s)"},
		{"somebody who chokes has come", status.NoPeers, func(e *status.Entry) { e.Peers, e.PeersChoking, e.Time.Lately[status.Running] = 1, 1, 0 }, 0, status.Choked, "It is choked by its only peer"},
		{"they answer", status.Unreachable, func(e *status.Entry) { e.Peers, e.PeersSending = 1, 1 }, 0, status.Running, "Nothing here holds it back (1 peer sends"},
		{"the limit is lifted", status.Limited, func(e *status.Entry) { e.PeersSending = 1 }, 0, status.Running, "Nothing here holds it back (1 peer sends"},
		{"the limit is lifted, and all are gone", status.Limited, func(e *status.Entry) { e.Peers = 0 }, 0, status.NoPeers, "No peers are found"},
		{"the limit may be lifted", status.Limited, nil, -1, status.Limited, "Our download limit, that of the settings, holds it back"},
		{"both limits", status.Limited, func(e *status.Entry) { e.DownLimit = 50_000 }, 70_000, status.Limited, "Our download limit holds it back (that of this torrent is 50 kB/s, that of the settings 70 kB/s)"},
		{"limit of the settings", status.Limited, nil, 70_000, status.Limited, "Our download limit holds it back (that of the settings is 70 kB/s)"},
		{"who choked is gone", status.Choked, func(e *status.Entry) { e.Peers, e.PeersChoking = 0, 0 }, 0, status.NoPeers, "No peers are found"},
		{"all are gone from a slow disk", status.DiskBound, func(e *status.Entry) { e.Peers = 0 }, 0, status.NoPeers, "No peers are found"},
		{"all are gone from a long way", status.WindowBound, func(e *status.Entry) { e.Peers = 0 }, 0, status.NoPeers, "No peers are found"},
		{"of one minute, of the last seconds", status.Limited, func(e *status.Entry) {
			e.DownLimit, e.Time.Lately = 50_000, status.Shares{status.DiskBound: 8 * time.Second, status.Limited: 2 * time.Second}
		}, 0, status.DiskBound, "The disk does not keep up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Why(held(tt.cause, tt.change), Around{Limit: tt.limit})
			if r.Cause != tt.want || !strings.HasPrefix(r.Say, tt.say) {
				t.Errorf("%v, %q; want %v, %q", r.Cause, r.Say, tt.want, tt.say)
			}
			if r.Shares[0].Cause != tt.cause {
				t.Errorf("the shares of the minute begin with %v", r.Shares[0])
			}
		})
	}
}

func TestReasonOfEachState(t *testing.T) {
	seed := func(change func(*status.Entry)) *status.Entry {
		e := &status.Entry{Torrent: status.Torrent{Phase: status.Seeding}}
		change(e)
		return e
	}
	magnet := func(peers, asked, pieces, have int) *status.Entry {
		return &status.Entry{Torrent: status.Torrent{Phase: status.Metadata, Peers: peers, Asked: asked, Metadata: pieces, MetadataHave: have}}
	}
	trackers := []status.Tracker{{Working: true}, {}}
	for _, tt := range []struct {
		name     string
		e        *status.Entry
		trackers []status.Tracker
		dht      []status.DHT
		want     string
	}{
		{"metadata, nobody", magnet(0, 0, 0, 0), nil, nil, "It looks for its metadata: 0 peers asked; neither a tracker nor the DHT is asked for peers: add a tracker, or turn the DHT on."},
		{"metadata, DHT alone", magnet(0, 1, 1, 0), nil, []status.DHT{{Good: 1}}, "It looks for its metadata: the DHT with 1 node, 1 peer asked, 0 of 1 piece here."},
		{"metadata, no tracker", magnet(0, 0, 0, 0), nil, []status.DHT{{Good: 1}},
			"It looks for its metadata: the DHT with 1 node, 0 peers asked; the link names no tracker: one peer that has the torrent must be online, wait or add a tracker."},
		{"metadata, all ways", magnet(0, 0, 0, 0), trackers, []status.DHT{{Good: 300}, {Good: 12}},
			"It looks for its metadata: 1 of 2 trackers answer, the DHT with 312 nodes, 0 peers asked; one peer that has the torrent must be online: wait, or add a tracker."},
		{"metadata, asked", magnet(3, 5, 0, 0), trackers[:1], nil, "It looks for its metadata: 1 of 1 tracker answers, 5 peers asked; those who are connected do not have it yet: wait for somebody who has."},
		{"metadata, some", magnet(3, 5, 4, 2), nil, nil, "It looks for its metadata: 5 peers asked, 2 of 4 pieces here."},
		{"seeding to nobody", seed(func(e *status.Entry) {}), nil, nil, "Everything is here; nobody asks: no peer is connected."},
		{"seeding, none wants", seed(func(e *status.Entry) { e.Peers = 2 }), nil, nil, "Everything is here; nobody asks: of 2 connected peers none wants what is here."},
		{"seeding, no slot", seed(func(e *status.Entry) { e.Peers, e.Interested = 2, 1 }), nil, nil, "Everything is here; 1 peer waits for an upload slot; allow more slots"},
		{"seeding, slow peer", seed(func(e *status.Entry) { e.Peers, e.Interested, e.PeersReceiving = 2, 1, 1 }), nil, nil, "Everything is here; 1 peer may ask, but took nothing"},
		{"seeding", seed(func(e *status.Entry) { e.Up, e.PeersReceiving = 2_000_000, 3 }), nil, nil, "Everything is here; it sends 2.0 MB/s to 3 peers."},
		{"partial", seed(func(e *status.Entry) { e.Phase = status.Partial }), nil, nil, "Everything that is wanted is here; nobody asks: no peer is connected."},
		{"stopped", seed(func(e *status.Entry) { e.Stopped = true }), nil, nil, "It is stopped; start it to go on."},
		{"at its goal", seed(func(e *status.Entry) { e.Stopped, e.GoalReached = true, true }), nil, nil, "It is stopped: the goal of its seeding is reached; start it to seed on."},
		{"waiting", seed(func(e *status.Entry) { e.Waiting, e.QueuePosition = true, 4 }), nil, nil, "It waits for its turn, at place 5 of the queue; "},
		{"checking", seed(func(e *status.Entry) { e.Phase = status.Checking }), nil, nil, "What is on the disk is being checked; "},
		{"moving", seed(func(e *status.Entry) { e.Phase = status.Moving }), nil, nil, "Its files are being moved; "},
		{"opening", seed(func(e *status.Entry) { e.Phase = status.Opening }), nil, nil, "Its files are being looked at."},
		{"failed", seed(func(e *status.Entry) { e.Phase, e.Err = status.Failed, "no space left on \x1b[2J/data: free some." }), nil, nil, "It failed: no space left on ␛[2J/data: free some."},
		{"begun", &status.Entry{Torrent: status.Torrent{Phase: status.Leeching, Time: status.Causes{All: status.Shares{time.Second}}}}, nil, nil, "It has just begun."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Why(tt.e, Around{Trackers: tt.trackers, DHT: tt.dht})
			if got := r.String(); !strings.HasPrefix(got, tt.want) || len(r.Shares) > 0 {
				t.Errorf("%q, want %q; %v", got, tt.want, r.Shares)
			}
		})
	}
	if r := Why(&status.Entry{Torrent: status.Torrent{Phase: status.Leeching}}, Around{}); r.String() != "" {
		t.Errorf("of an engine that does not count: %q", r.String())
	}
}

func TestPercentsAddUp(t *testing.T) {
	for _, s := range []status.Shares{{1, 1, 1}, {1, 1, 1, 1, 1, 1, 1}, {999, 1}, {0, 0, 0, 7}, {-5, 3, 3}, {1 << 62, 1 << 62, 1 << 62}} {
		sum := 0
		for _, n := range Percents(shares(&s)) {
			if n < 0 {
				t.Error(n)
			}
			sum += n
		}
		if sum != 100 {
			t.Errorf("%v: %d", s, sum)
		}
	}
	if p := Percents(shares(&status.Shares{})); len(p) != 0 {
		t.Error(p)
	}
}
