package session

import (
	"net/netip"

	"shoal/metainfo"
	"shoal/status"
)

// host is what a torrent's swarm sees of the session (swarm.Host). Its
// methods run on the swarm's loop and never wait.
type host struct{ t *torrent }

func (h host) Dial(addr netip.AddrPort) { h.t.s.dial.want(h.t, addr) }

func (h host) Reserve(n int64) bool { return h.t.s.deal.reserve(h.t.key, n) }

func (h host) Release(n int64) { h.t.s.deal.release(h.t.key, n) }

func (h host) Demand(up, down int64) { h.t.s.deal.demand(h.t.key, up, down) }

func (h host) NeedPeers() {
	h.t.s.announce.needPeers(h.t)
	h.t.s.overlay.needPeers(h.t)
}

func (h host) Completed() {
	h.t.record.finished(h.t.s.cfg.Wall())
	if h.t.running().Snapshot().Phase == status.Seeding && !h.t.told.Swap(true) { // part of it is no completion (BEP 21)
		h.t.s.announce.completed(h.t)
	}
	h.t.s.keep.changed(h.t, 0)
	h.t.set(func() { h.t.complete = true })
	h.t.s.log.Info("download complete", "torrent", h.t.id, "name", h.t.info.Name())
}

func (h host) Failed(err error) {
	h.t.s.log.Error("torrent stopped", "torrent", h.t.id, "err", err)
	if h.t.add.WaitForSpace && isFull(err) {
		h.t.waitForSpace(err)
	} else {
		h.t.set(func() { h.t.err = err })
	}
	owed := h.t.s.announce.remove(h.t) // now, so that a Resume begins anew
	h.t.s.wg.Go(func() { h.t.s.announce.goodbyes(owed) })
}

func (h host) Banned(addr netip.Addr, reason string) {
	h.t.s.log.Warn("peer banned", "torrent", h.t.id, "addr", addr, "reason", reason)
	h.t.s.dial.ban(addr)
}

func (h host) ExternalAddr(addr, by netip.Addr) { h.t.s.seenAs(addr, by, 1) }

func (h host) Metadata(found *metainfo.Torrent) {
	h.t.private.Store(found.Info.Private()) // at once: see allows
	if found.Info.Private() {
		h.t.s.overlay.leave(h.t.key)
	}
	h.t.met <- found // has room for the one that there is
}

func (h host) DHTNode(addr netip.AddrPort) { h.t.s.overlay.met(addr) }

func (h host) Verified(i int) { h.t.s.keep.changed(h.t, int64(h.t.info.PieceSize(i))) }

// source is where the bytes of uploads come from (peer.Source): the store,
// with an eye on what cannot be read.
type source struct{ t *torrent }

func (o *source) Offset(b metainfo.Block) int64 { return o.t.store.Offset(b) }

// ReadAt reports a failure to the swarm, which then no longer claims the piece.
func (o *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.t.store.ReadAt(p, off)
	if n < len(p) && err != nil {
		first := (off + int64(n)) / o.t.info.PieceLength()
		begin := off + int64(n) - o.t.info.PieceOffset(int(first))
		o.t.running().ReadFailed(metainfo.Block{Piece: int(first), Begin: int(begin), Length: 1}, err)
	}
	return n, err
}
