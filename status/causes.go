package status

import "time"

// Cause is what bounds a torrent that downloads: where its time goes. Exactly one holds at a time.
type Cause uint8

const (
	// Running: as much is asked for as is of use. Those who send set the pace, or the line to them.
	Running Cause = iota
	// NoPeers: nobody is connected who has what is missing.
	NoPeers
	// Unreachable: the same, and of the addresses that are known most were dialled in vain the last time. Who is
	// connected, is being dialled for the first time or is yet to be dialled counts as an answer.
	Unreachable
	// Choked: who has what is missing does not let us ask for it.
	Choked
	// Limited: a download limit, of the torrent or of all, keeps requests back.
	Limited
	// DiskBound: no memory is free for more pieces, because those that are in it are not written yet or not whole.
	DiskBound
	// WindowBound: as many requests are out as a peer accepts, or as are known to be of use at the start of a
	// connection, and with more it would send more: the way to it is long.
	WindowBound

	NumCauses = int(WindowBound) + 1
)

// String returns the cause as a lower-case word.
func (c Cause) String() string {
	return [NumCauses]string{"running", "no_peers", "unreachable", "choked", "limit", "disk", "window"}[c]
}

// Shares is how much time went to each cause.
type Shares [NumCauses]time.Duration

// Total returns the sum of all.
func (s *Shares) Total() (sum time.Duration) {
	for _, d := range s {
		sum += d
	}
	return sum
}

// Main returns the cause that took the most time, of equals the first, and its share, 0 to 1. Without any time that is Running with 0.
func (s *Shares) Main() (Cause, float64) {
	best := Running
	for c, d := range s {
		if d > s[best] {
			best = Cause(c)
		}
	}
	if s[best] <= 0 {
		return Running, 0
	}
	return best, s[best].Seconds() / s.Total().Seconds()
}

// Causes tells where the time of a torrent went while it was in the phase Leeching.
type Causes struct {
	// All is all such time of this run: its sum is that time exactly, up to when the summary was made, which is every 5 s at least.
	All Shares
	// Minute and Lately are the part of the last minute and of the last ten seconds, both up to 5 s longer.
	Minute, Lately Shares
}
