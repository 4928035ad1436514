package session

import (
	"context"
	"slices"

	"shoal/metainfo"
)

// maxNamed bounds the peers of a torrent that the user has named.
const maxNamed = 100

// WithPeers returns list with those of more that it does not have yet, up to 100, as AddPeers keeps them. The list is not written to.
func WithPeers(list, more []string) []string {
	list = slices.Clip(list)
	for _, p := range more {
		if len(list) < maxNamed && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// AddPeers names peers of a torrent, host:port, as Add.Peers does: they are asked now, or when it goes on. At most 100 are kept of a torrent.
// What cannot be resolved is logged. One that sleeps lacks nothing, and takes none.
func (s *Session) AddPeers(ctx context.Context, id metainfo.ID, peers []string) error {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		return ctx.Err()
	}
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	t.orders.update(func(w *wishes) { w.peers = WithPeers(w.peers, peers) })
	if t.asked.Store(t.active()); t.asked.Load() {
		t.ask(peers[:min(len(peers), maxNamed)])
	}
	return ctx.Err()
}
