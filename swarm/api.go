package swarm

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// The methods in this file may be called from any goroutine, before, during and after Run. Except for
// the commands and questions, which say so, none waits for the loop.

// Attach hands a connection over whose handshake is done. All that happens on the
// link from now on goes to the returned Sink. If the swarm has ended the link is closed.
func (s *Swarm) Attach(link Link, h Hello) Sink {
	id := piece.PeerID(s.lastPeer.Add(1))
	if !s.inbox.post(event{kind: evAttached, peer: id, more: &eventMore{link: link, hello: h}}) {
		link.Close(ErrEnded)
	}
	return &sink{s: s, id: id, turn: make(chan bool, 1)}
}

// Begin makes a swarm that found its info dictionary (Host.Metadata) download and serve: cfg is what New would take, with Info. Limits
// that were set meanwhile stay as they are, and so do the connections, which hear what is new. Without a call the swarm only goes on finding peers. It has
// no effect on a swarm that has begun, returns like Pause, and must not be called from a method of Host.
func (s *Swarm) Begin(ctx context.Context, cfg Config) error {
	return s.post(ctx, event{kind: evBegin, more: &eventMore{config: &cfg}})
}

// DialFailed answers Host.Dial when there is no connection to attach.
func (s *Swarm) DialFailed(addr netip.AddrPort, err error) {
	s.inbox.post(event{kind: evDialFailed, err: err, more: &eventMore{addr: addr}})
}

// AddPeers adds candidates. The slice is not kept.
func (s *Swarm) AddPeers(addrs []netip.AddrPort, from Source) {
	if len(addrs) == 0 {
		return
	}
	addrs = append([]netip.AddrPort(nil), addrs...)
	s.inbox.post(event{kind: evAddresses, more: &eventMore{addrs: addrs, from: from}})
}

// Retry lets candidates be dialled at once whose dials came to nothing: that was not their fault. n bounds them, to those that
// we were connected to and that failed least often; 0 is for all.
func (s *Swarm) Retry(n int) { s.inbox.post(event{kind: evRetry, n: n}) }

// Grant allows so many more payload bytes to be sent and requested. It answers
// Host.Demand and has no effect on a direction that is not limited.
func (s *Swarm) Grant(up, down int64) {
	s.inbox.post(event{kind: evGrant, up: up, down: down})
}

// ReadFailed says that a block could not be read for upload. Its piece is
// no longer claimed, and is fetched again.
func (s *Swarm) ReadFailed(b metainfo.Block, err error) {
	s.inbox.post(event{kind: evReadFailed, block: b, err: err})
}

// Fail stops the torrent: a file was cut, deleted or replaced under us.
func (s *Swarm) Fail(err error) { s.inbox.post(event{kind: evFail, err: err}) }

// Pause closes all connections and stops. It returns when the snapshot shows it, or when ctx or the swarm ends.
func (s *Swarm) Pause(ctx context.Context) error { return s.command(ctx, evPause) }

// Resume undoes Pause, and a failure if its cause is gone. It returns like Pause.
func (s *Swarm) Resume(ctx context.Context) error { return s.command(ctx, evResume) }

// Recheck hashes all pieces on disk again. It returns when the check has begun.
func (s *Swarm) Recheck(ctx context.Context) error { return s.command(ctx, evRecheck) }

// SetPriorities changes what is fetched: one priority a file, as Config.Priorities. What is there stays there;
// the phase and the snapshot follow. It returns like Pause.
func (s *Swarm) SetPriorities(ctx context.Context, files []uint8) error {
	info := s.info.Load()
	if info == nil {
		return ErrNoMetadata
	}
	if n := len(info.Files()); files != nil && len(files) != n {
		return fmt.Errorf("%d priorities for %d files", len(files), n)
	}
	for i, p := range files {
		if p > piece.High {
			return fmt.Errorf("priority %d of file %d is not one of 0 to %d", p, i, piece.High)
		}
	}
	return s.post(ctx, event{kind: evPriorities, more: &eventMore{files: slices.Clone(files)}})
}

// SetSequential switches fetching in order on or off. It returns like Pause.
func (s *Swarm) SetSequential(ctx context.Context, on bool) error {
	e := event{kind: evSequential, more: &eventMore{}}
	if on {
		e.n = 1
	}
	return s.post(ctx, e)
}

// SetSlots fixes the number of peers that are unchoked at a time, for a session that deals slots to all its
// torrents; a negative n lets the swarm choose as at first. Snapshot().Interested tells how many it could use.
func (s *Swarm) SetSlots(n int) { s.inbox.post(event{kind: evSlots, n: n}) }

// SetMaxPeers changes the number of connections that the swarm may have. When it has more, the least useful end.
func (s *Swarm) SetMaxPeers(n int) { s.inbox.post(event{kind: evMaxPeers, n: n}) }

// SetLimited changes Config.LimitedUp and LimitedDown, once the files are known; it is for whoever deals what is limited to be ready for
// Host.Demand before.
func (s *Swarm) SetLimited(up, down bool) {
	e := event{kind: evLimited}
	if up {
		e.up = 1
	}
	if down {
		e.down = 1
	}
	s.inbox.post(e)
}

// SetMaxDials changes how many calls of Host.Dial may be unanswered at a time, 30 at first; 0 holds
// all dialling.
func (s *Swarm) SetMaxDials(n int) { s.inbox.post(event{kind: evMaxDials, n: n}) }

// SetExternal says which address of ours others see, as far as the whole session knows; it goes before
// what the peers of this torrent say.
func (s *Swarm) SetExternal(addr netip.Addr) {
	s.inbox.post(event{kind: evExternal, more: &eventMore{addr: netip.AddrPortFrom(addr.Unmap(), 0)}})
}

// Files returns one entry a file in torrent order, padding left out; none before they are known. It waits for the loop.
func (s *Swarm) Files(ctx context.Context) ([]status.File, error) {
	var out []status.File
	err := s.ask(ctx, func(m mind) { out = m.fileList() })
	return out, err
}

// Snapshot returns the last published summary; Dir, Added and Finished are left for the session to fill.
// It never waits and is never nil; the value must not be changed.
func (s *Swarm) Snapshot() *status.Torrent { return s.snap.Load() }

// Peers returns one entry a connection, in the order of their arrival. It waits for the loop.
func (s *Swarm) Peers(ctx context.Context) ([]status.Peer, error) {
	var out []status.Peer
	err := s.ask(ctx, func(m mind) { out = m.peerList() })
	return out, err
}

// Pieces returns copies of the set of verified pieces, and of how many connected peers have each piece, nil before that is known. It
// waits for the loop.
func (s *Swarm) Pieces(ctx context.Context) (have metainfo.Bitfield, availability []uint16, err error) {
	err = s.ask(ctx, func(m mind) {
		have = m.have().Clone()
		if c, ok := m.(*core); ok {
			availability = c.m.Availabilities()
		}
	})
	return have, availability, err
}

// Have returns a copy of the set of verified and written pieces. It waits for the
// loop, so it must not be called from a method of Host; after Run it is the final state.
func (s *Swarm) Have() metainfo.Bitfield {
	var out metainfo.Bitfield
	_ = s.ask(context.Background(), func(m mind) { out = m.have().Clone() }) // cannot fail: see ask
	return out
}

func (s *Swarm) command(ctx context.Context, kind eventKind) error {
	return s.post(ctx, event{kind: kind, more: &eventMore{}})
}

// post sends a command and waits until its effect is visible.
func (s *Swarm) post(ctx context.Context, e event) error {
	e.more.done = make(chan struct{})
	if !s.inbox.post(e) {
		return ErrEnded
	}
	return s.await(ctx, e.more.done)
}

// ask runs f on the loop, or on the calling goroutine when the loop has ended. It fails only
// when ctx ends.
func (s *Swarm) ask(ctx context.Context, f func(mind)) error {
	done := make(chan struct{})
	if s.inbox.post(event{kind: evAsk, more: &eventMore{ask: f, done: done}}) {
		if err := s.await(ctx, done); err != ErrEnded {
			return err
		}
	}
	select {
	case <-s.ended: // the mind belongs to nobody now and does not change any more
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done: // it was answered just before the end
	default:
		f(s.mind)
	}
	return nil
}

func (s *Swarm) await(ctx context.Context, done chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-s.ended:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sink carries the events of one link into the inbox.
type sink struct {
	s    *Swarm
	id   piece.PeerID
	turn chan bool // for postWait
}

func (k *sink) Messages(batch []wire.Message) (spare []wire.Message) {
	if !k.s.inbox.postWait(event{kind: evMessages, peer: k.id, batch: batch}, weigh(batch), k.turn) {
		releaseBlocks(batch)
	}
	return k.s.inbox.spare()
}

func (k *sink) Uploaded(blocks, bytes int) {
	k.s.inbox.postLazy(event{kind: evUploaded, peer: k.id, n: blocks, bytes: bytes})
}

func (k *sink) Closed(err error) {
	k.s.inbox.post(event{kind: evClosed, peer: k.id, err: err})
}

func releaseBlocks(batch []wire.Message) {
	for i := range batch {
		if b := batch[i].Block; b != nil {
			b.Release()
			batch[i].Block = nil
		}
	}
}
