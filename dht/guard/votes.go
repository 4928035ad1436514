package guard

import (
	"net/netip"
	"slices"
)

const (
	maxVotes  = 32 // networks whose latest vote is kept
	quorum    = 10 // networks that must agree
	addrBytes = 2  // of a port in compact form
)

// votes are what others say our address is: the latest vote of each network (/16,
// or /32 for IPv6), oldest first. One owner of a network has one vote, however many
// nodes it runs.
type votes struct{ latest []vote }

type vote struct{ by, us netip.Addr }

// add notes the `ip` field of an asked-for reply (BEP 42). Votes by or for
// addresses that are not of global scope say nothing.
func (v *votes) add(by netip.Addr, compact []byte) {
	if len(compact) <= addrBytes {
		return
	}
	us, _ := netip.AddrFromSlice(compact[:len(compact)-addrBytes])
	if us.Is4() != by.Is4() || !Global(us) || us.Is4In6() || !Global(by) {
		return
	}
	by = masked(by, 16, 32)
	v.latest = slices.DeleteFunc(v.latest, func(o vote) bool { return o.by == by })
	if len(v.latest) == maxVotes {
		v.latest = slices.Delete(v.latest, 0, 1)
	}
	v.latest = append(v.latest, vote{by, us})
}

// winner returns the address that a quorum, and more than half of all, agree on.
func (v *votes) winner() (netip.Addr, bool) {
	count := map[netip.Addr]int{}
	for _, o := range v.latest {
		if count[o.us]++; count[o.us] >= quorum && count[o.us]*2 > len(v.latest) {
			return o.us, true
		}
	}
	return netip.Addr{}, false
}
