package session

import (
	"slices"
	"sync"
)

// wishes are what the user may change about a torrent at any time. The slices are replaced, never written to.
type wishes struct {
	paused     bool
	sequential bool
	limits     TorrentLimits
	priorities []uint8 // as Add.Priorities
	trackers   [][]string
	names      map[int]string // see Rename
	peers      []string       // that the user named, host:port
}

// orders keep the wishes of a torrent, over all its runs. What acts on a wish reads it under the same lock that it is changed under,
// or is told afterwards.
type orders struct {
	mu sync.Mutex
	w  wishes
	// steering has one token: who pauses or resumes holds it until the swarm and those who announce do as he says.
	steering chan struct{}
}

// newOrders takes what an Add says.
func newOrders(a *Add) *orders {
	w := wishes{paused: a.Stopped, sequential: a.Sequential, limits: a.Limits, priorities: a.Priorities, names: a.Names, peers: WithPeers(nil, a.Peers)}
	if a.Magnet == nil {
		w.trackers = a.Torrent.Trackers
	} else {
		for _, u := range a.Magnet.Trackers {
			w.trackers = append(w.trackers, []string{u})
		}
		w.peers = WithPeers(w.peers, a.Magnet.Peers)
	}
	return &orders{w: w, steering: make(chan struct{}, 1)}
}

func (o *orders) get() wishes {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w
}

func (o *orders) update(f func(*wishes)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(&o.w)
}

// cloneTiers copies the URLs of trackers.
func cloneTiers(tiers [][]string) (out [][]string) {
	for _, t := range tiers {
		out = append(out, slices.Clone(t))
	}
	return out
}
