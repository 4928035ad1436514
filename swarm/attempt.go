package swarm

import (
	"errors"
	"time"

	"shoal/peer/wire"
)

// Numbers of the search for an info dictionary.
const (
	// metaMemory bounds what is held of info dictionaries that nobody has checked, in bytes, whoever claims what.
	metaMemory = wire.MaxMetadata
	// metaDepth is how many pieces one peer is asked for at a time, metaAskers how many peers one piece, the next of them
	// when the last has had metaSoon for it.
	metaDepth  = 4
	metaAskers = 3
	metaSoon   = 3 * time.Second
	// metaPatience is how long a piece may take after the one before; a peer that takes longer, or rejects, is asked again after
	// metaRest, which doubles each time up to metaLongRest. So does the patience with it, up to metaLongPatience.
	metaPatience     = 15 * time.Second
	metaLongPatience = 2 * time.Minute
	metaRest         = 30 * time.Second
	metaLongRest     = 30 * time.Minute
	// metaOrphans is how many attempts are kept that nobody is there for.
	metaOrphans = 4
	// metaHope is the rate in bytes a second with which a new attempt is credited.
	metaHope = 64 << 10
)

// errLiedInfo is why a connection ends that alone gave an info dictionary with another hash.
var errLiedInfo = errors.New("sent a wrong info dictionary")

// attempt is the info dictionary of one size. Peers that claim different sizes cannot all be right, so
// each size is tried on its own. When pieces of several peers do not fit together nobody is proven to have lied; then all of
// it is fetched from one peer alone, and another, until it is right.
type attempt struct {
	size   int64
	parts  [][]byte // those that are here
	from   []*peer  // who gave each
	askers []uint8  // how many are asked for each
	low    int      // no part below it is missing
	got    int
	held   int64 // bytes of parts
	since  time.Duration
	alone  bool
	only   *peer // of whom all is fetched, if alone
	// checking says that the parts are being hashed and may not be changed.
	checking bool
}

// begin makes room for what stands where; the bytes themselves are taken as they come.
func (a *attempt) begin(now time.Duration) {
	if a.parts == nil {
		n := wire.NumMetadataPieces(a.size)
		a.parts, a.from, a.askers, a.since = make([][]byte, n), make([]*peer, n), make([]uint8, n), now
	}
}

// clear forgets the parts, but not who is being asked.
func (a *attempt) clear() {
	clear(a.parts)
	clear(a.from)
	a.low, a.got, a.held = 0, 0, 0
}

// put keeps a part that was missing and reports whether all are here.
func (a *attempt) put(i int, data []byte, from *peer) bool {
	if a.parts[i] == nil {
		a.parts[i], a.from[i] = append(make([]byte, 0, len(data)), data...), from
		a.got++
		a.held += int64(len(data))
	}
	return a.got == len(a.parts)
}

// giver returns the peer that gave all parts; nil when there were several.
func (a *attempt) giver() *peer {
	for _, p := range a.from {
		if p != a.from[0] {
			return nil
		}
	}
	return a.from[0]
}

// fresh returns a missing part that nobody is asked for, -1 when there is none.
func (a *attempt) fresh() int {
	for ; a.low < len(a.parts) && a.parts[a.low] != nil; a.low++ {
	}
	for i := a.low; i < len(a.parts); i++ {
		if a.parts[i] == nil && a.askers[i] == 0 {
			return i
		}
	}
	return -1
}

// rate is how fast it comes, in bytes a second; it decides who gives way when memory is short.
func (a *attempt) rate(now time.Duration) float64 {
	if a.parts == nil {
		return metaHope
	}
	return float64(a.held+metaHope) / (now - a.since + time.Second).Seconds()
}
