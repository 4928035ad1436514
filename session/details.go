package session

import (
	"context"

	"shoal/metainfo"
	"shoal/status"
)

// Details returns what only a view of one torrent needs. Before its files are known there is nothing.
func (s *Session) Details(ctx context.Context, id metainfo.ID) (d status.Details, err error) {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		err = s.lookAsleep(ctx, p, func(t *torrent) { d.WebSeeds, d.Have = t.tor.WebSeeds, t.everything() })
		return d, err
	}
	t, err := s.reg.get(id)
	if err != nil || !t.known.Load() {
		return d, err
	}
	d.WebSeeds = t.tor.WebSeeds
	if sw := t.running(); sw != nil && t.begun.Load() {
		d.Have, d.Availability, err = sw.Pieces(ctx)
		if !t.active() {
			d.Availability = nil
		}
		return d, err
	}
	d.Have = t.opened.Trust.Clone()
	return d, ctx.Err()
}
