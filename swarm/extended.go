package swarm

import (
	"net/netip"

	"shoal/peer/wire"
)

// maxHandshakes is how often a peer may change its extended handshake.
const maxHandshakes = 100

// extHandshake is what we say about ourselves when we have the info dictionary (BEP 9, 10, 11, 21, 54).
func (c *core) extHandshake(p *peer) wire.Message {
	return c.introduction(p, func(h *wire.ExtHandshake) {
		h.MetadataSize = int64(len(c.cfg.Metadata))
		if only := c.uploadOnly(p); only || p.toldUpload {
			h.UploadOnly, h.HasUploadOnly = only, true
			p.toldUpload = only
		}
	})
}

// introduction is what we say about ourselves in any case, and what more adds.
func (c *common) introduction(p *peer, more func(*wire.ExtHandshake)) wire.Message {
	h := wire.ExtHandshake{
		M:    []wire.ExtID{{Name: wire.DontHave, ID: wire.DontHaveID}, {Name: wire.UTMetadata, ID: wire.UTMetadataID}},
		V:    c.cfg.Client,
		P:    c.cfg.Port,
		Reqq: maxQueue,
		// The address that we see it under; it may be behind a translator.
		YourIP: p.hello.Addr.Addr(),
	}
	switch {
	case c.pexOn():
		p.gossip.offered = true
		h.M = append(h.M, wire.ExtID{Name: wire.UTPex, ID: wire.UTPexID})
	case p.gossip.offered: // is taken back
		h.M = append(h.M, wire.ExtID{Name: wire.UTPex})
	}
	if more != nil {
		more(&h)
	}
	return wire.Message{Kind: wire.Extended, Index: wire.ExtHandshakeID, Data: wire.AppendExtHandshake(nil, &h)}
}

// uploadOnly reports whether we want nothing of p, and let it know.
func (c *core) uploadOnly(p *peer) bool { return c.sated() && p.mask == nil }

// tellUploadOnly sends another extended handshake when that has changed (BEP 21). It is a whole one: some
// take extensions that are not in it for withdrawn.
func (c *core) tellUploadOnly(p *peer) {
	if p.hello.Extended && c.uploadOnly(p) != p.toldUpload {
		c.send(p, c.extHandshake(p))
	}
}

func (c *core) onExtended(p *peer, m *wire.Message) error {
	if !p.hello.Extended {
		return protocolError("extended message without the extension bit")
	}
	switch m.Index {
	case wire.ExtHandshakeID:
		return c.onExtHandshake(p, m.Data)
	case wire.UTMetadataID:
		return c.onMetadata(p, m.Data)
	case wire.UTPexID:
		return c.onPex(p, m.Data)
	case wire.DontHaveID:
		if i, ok := wire.ParseDontHave(m.Data); ok && uint64(i) < uint64(c.info.NumPieces()) {
			c.onDontHave(p, int(i))
		}
	}
	return nil // an extension that we never offered
}

func (c *core) onExtHandshake(p *peer, data []byte) error {
	if err := c.heardExt(p, data); err != nil {
		return err
	}
	if p.ext.UploadOnly {
		c.meetSeed(p)
	}
	c.touch(p)
	return nil
}

// heardExt takes in what a peer says about itself.
func (c *common) heardExt(p *peer, data []byte) error {
	if p.extSeen++; p.extSeen > maxHandshakes {
		return protocolError("more than %d extended handshakes", maxHandshakes)
	}
	h, err := wire.ParseExtHandshake(data)
	if err != nil {
		return err
	}
	p.ext.Update(&h)
	if h.YourIP.IsValid() && p.extSeen == 1 {
		c.seenAs(h.YourIP.Unmap(), p)
		c.act(action{kind: acExternal, addr: netip.AddrPortFrom(h.YourIP.Unmap(), 0), by: p.hello.Addr.Addr()})
	}
	if p.hello.Incoming && h.P != 0 && !p.listen.IsValid() {
		p.listen = netip.AddrPortFrom(p.hello.Addr.Addr(), h.P)
		c.cands.connected(p.listen)
	}
	return nil
}
