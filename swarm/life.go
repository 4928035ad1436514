package swarm

import (
	"context"
	"errors"
	"slices"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// maxChecks is how many checks of pieces are with the disk at a time: enough to keep its workers busy,
// few enough to stop soon.
const maxChecks = 4

// checks are the pieces that are to be hashed on disk before anything is downloaded.
type checks struct {
	todo, out   metainfo.Bitfield // out: with the disk now
	next        int               // no piece below it is in todo
	total, done int
}

// enter sets the phase. It is the one place that does, and what follows from a phase follows here.
func (c *core) enter(to status.Phase) {
	from := c.phase
	if from == to {
		return
	}
	c.phase = to
	if to != status.Failed {
		c.cause = nil
	}
	switch to {
	case status.Paused:
		c.dropAll(errPaused)
	case status.Failed:
		c.dropAll(c.cause)
		c.act(action{kind: acFailed, err: c.cause})
	case status.Checking:
		c.check()
	case status.Seeding, status.Partial:
		for _, p := range slices.Clone(c.peers) {
			c.meetSeed(p)
		}
	}
	if to != status.Seeding {
		c.unmaskAll()
	}
	for _, p := range c.peers {
		c.tellUploadOnly(p)
		c.touch(p)
	}
	c.choke.dirty, c.cands.dirty, c.freed = true, true, true
	c.changed()
	c.snap.force = true
}

// goOn enters the phase that the pieces ask for.
func (c *core) goOn() {
	switch {
	case c.chk.todo.Count() > 0 || c.chk.out.Count() > 0:
		c.enter(status.Checking)
	case !c.m.Complete():
		c.enter(status.Leeching)
	case c.have().All():
		c.enter(status.Seeding)
	default:
		c.enter(status.Partial)
	}
}

// running reports whether the phase is one in which pieces come and go, so that goOn may change it.
func (c *core) running() bool {
	return c.phase != status.Opening && c.phase != status.Paused && c.phase != status.Failed
}

// fail stops the torrent.
func (c *core) fail(err error) {
	if c.phase == status.Failed {
		return
	}
	c.cause = err
	c.enter(status.Failed)
}

// dropAll closes all connections and gives up what is open. Pieces that the disk has are waited for.
func (c *core) dropAll(reason error) {
	for _, p := range slices.Clone(c.peers) {
		c.drop(p, reason)
	}
	c.m.Release()
}

func (c *core) onPause() {
	if c.phase != status.Failed {
		c.enter(status.Paused)
	}
}

func (c *core) onResume() {
	if c.phase == status.Paused || c.phase == status.Failed {
		c.cands.wake()
		c.goOn()
	}
}

// onRecheck forgets what we have; peers are told by a new connection.
func (c *core) onRecheck() {
	c.dropAll(errChecking)
	n := c.info.NumPieces()
	for i := range n {
		c.m.Lost(i)
	}
	c.count()
	out := c.chk.out
	c.chk = checks{todo: metainfo.NewBitfield(n), out: out, total: n}
	c.chk.todo.SetAll()
	if c.phase != status.Paused {
		if c.phase == status.Checking {
			c.check()
		}
		c.goOn()
	}
}

// check keeps a few pieces with the disk for as long as there are some to check.
func (c *core) check() {
	k := &c.chk
	for k.out.Count() < maxChecks && k.todo.Count() > 0 {
		for !k.todo.Has(k.next) || k.out.Has(k.next) {
			if k.next++; k.next >= k.todo.Len() {
				k.next = 0
				if k.out.Count() > 0 { // what is left is being hashed for an earlier check
					return
				}
			}
		}
		k.todo.Clear(k.next)
		k.out.Set(k.next)
		c.submit(&piece.Job{Kind: piece.Verify, Piece: k.next})
	}
}

func (c *core) onChecked(r *piece.Result) {
	i := r.Job.Piece
	c.chk.out.Clear(i)
	c.chk.done++
	c.changed()
	switch {
	case r.OK && !c.have().Has(i):
		c.m.Verified(i, nil)
		c.gained(i)
	case errors.Is(r.Err, context.Canceled): // at shutdown
		return
	}
	// A piece that cannot be read, because its file is missing or short, is absent; what is really wrong with the disk
	// shows when it is written.
	if c.phase == status.Checking {
		c.check()
		c.goOn()
	}
}

func (c *core) onDisk(r *piece.Result) {
	j := r.Job
	switch {
	case j.Kind == piece.Write:
		c.onWritten(r)
	case c.chk.out.Has(j.Piece) && j.Kind == piece.Verify:
		c.onChecked(r)
	case r.Err != nil:
		c.m.Failed(j.Piece)
		c.broken(r.Err)
	case r.OK:
		c.onVerified(j.Piece, r.Digests)
	default:
		c.tot.failed++
		c.tot.wasted += int64(c.info.PieceSize(j.Piece))
		c.tot.corrupt += int64(c.info.PieceSize(j.Piece))
		c.banAll(c.m.Spoiled(j.Piece, r.Digests))
	}
	c.freed = true
	c.changed()
}

// broken judges an error of the disk. Being shut down is none.
func (c *core) broken(err error) {
	if !errors.Is(err, context.Canceled) {
		c.fail(err)
	}
}

func (c *core) onVerified(i int, digests []metainfo.Hash) {
	c.chk.todo.Clear(i) // a check that was asked for meanwhile has nothing to add
	had := c.have().Has(i)
	c.banAll(c.m.Verified(i, digests))
	if !had && c.have().Has(i) {
		c.gained(i)
	}
	if c.running() {
		c.goOn()
	}
}

func (c *core) banAll(liars []piece.PeerID) {
	for _, id := range slices.Clone(liars) {
		c.ban(id)
	}
}

// write sends a block of a large piece to the disk, together with its neighbours of the same turn.
func (c *core) write(b metainfo.Block, data *block.Block) {
	if n := len(c.acts); n > 0 && c.acts[n-1].kind == acJob {
		j := c.acts[n-1].job
		if j.Kind == piece.Write && j.Piece == b.Piece && j.Begin+len(j.Blocks)*metainfo.BlockSize == b.Begin {
			j.Blocks = append(j.Blocks, data)
			return
		}
	}
	c.submit(&piece.Job{Kind: piece.Write, Piece: b.Piece, Begin: b.Begin, Blocks: []*block.Block{data}})
}

func (c *core) onWritten(r *piece.Result) {
	j := r.Job
	for n := range r.Count {
		switch {
		case r.Err != nil:
			c.m.Failed(j.Piece)
		case c.m.Written(j.Piece, j.Begin+n*metainfo.BlockSize):
			if !c.stopped { // else it is too late to begin hashing
				c.submit(c.m.Take(j.Piece))
			}
		}
	}
	if r.Err != nil {
		c.broken(r.Err)
	}
}

// onReadFailed takes a piece back that could not be read for upload.
func (c *core) onReadFailed(e *event) {
	if !c.have().Has(e.block.Piece) {
		return
	}
	c.lost(e.block.Piece)
	if c.running() {
		c.goOn()
	}
}

// submit hands a job to the disk; nil is ignored.
func (c *core) submit(j *piece.Job) {
	if j != nil {
		c.act(action{kind: acJob, job: j})
	}
}

// stale notes open pieces that nobody is asked for, and gives those up that were so for a minute: they hold
// memory that others could use.
func (c *core) stale() {
	c.opens = c.m.OpenPieces(c.opens[:0])
	var now []idlePiece
	for _, o := range c.opens {
		if o.Asked > 0 || o.Here == o.Blocks {
			continue
		}
		k := slices.IndexFunc(c.idle, func(p idlePiece) bool { return p.index == o.Piece })
		switch {
		case k < 0:
			now = append(now, idlePiece{o.Piece, c.now})
		case c.now-c.idle[k].since < time.Minute:
			now = append(now, c.idle[k])
		default:
			c.m.GiveUp(o.Piece)
			c.freed = true
		}
	}
	c.idle = now
}

// idlePiece is an open piece for which nobody is asked.
type idlePiece struct {
	index int
	since time.Duration
}
