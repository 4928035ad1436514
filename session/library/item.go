package library

import (
	"slices"
	"time"

	"shoal/status"
)

// place is where the session has a torrent.
type place uint8

const (
	cold    place = iota // nowhere: it costs its item
	opening              // being handed over
	live                 // it has a torrent of it
	failed               // it could not take it: see item.err, and item.again for when that is tried anew
)

// item is one torrent of the list. Library.mu guards it.
type item struct {
	kept
	number       int
	position     int   // in the queue, as of the last order
	changed      int64 // see list.touch
	newer, older *item
	last         *status.Torrent // what the session said last; nil while cold, and where phase and kept say the same
	phase        status.Phase    // with last nil: Paused while cold
	seen         seen            // totals as the session counts them
	looked       time.Time       // monotonic: when it was last looked at
	quiet        uint8           // how many looks in a row showed nothing new
	busy         chan struct{}   // closed when who has claimed it is done; nil: nobody has
	place        place
	waiting      bool // for its turn
	moves        bool // a move was begun in this run
	stalled      bool
	moved        time.Time // monotonic: when payload last came or went, or when it began to run
	since        time.Time // monotonic: when it last began to run, or to move payload again
	gone         bool      // not in the list any more
	fresh        bool      // added in this run: its folder may be made
	saved        saved
	trouble      trouble
}

// leaveSession notes that the session does not have an item any more. Library.mu is held.
func (it *item) leaveSession() {
	it.place, it.last, it.phase, it.quiet, it.stalled = cold, nil, status.Paused, 0, false
}

// seen are totals as the session told them last.
type seen struct{ down, up, wasted, corrupt int64 }

// saved is what the store knows of an item.
type saved struct {
	torrent []byte // bytes of the .torrent that are not on disk yet
	queued  bool   // it is to be written
	alt     bool   // the newest generation lies under the second name
	there   bool   // something of it may be on disk
	erase   bool   // it was removed, and its files are to go
}

// trouble is why an item could not be opened.
type trouble struct {
	err   string
	again time.Time     // monotonic: when to try anew
	pause time.Duration // before the try after that
}

// entry builds what is shown of an item. Library.mu is held, and the queue in order.
func (l *Library) entry(it *item) status.Entry {
	k, o := &it.kept, it.options()
	e := status.Entry{
		Number: it.number, Stopped: k.flags.has(stopped), Waiting: it.waiting, Verifying: it.flags.has(recheck), Stalled: it.stalled,
		GoalReached: k.flags.has(reached), QueuePosition: it.position,
		Labels: o.labels, Group: o.group, DownLimit: o.downLimit, UpLimit: o.upLimit, Exempt: o.exempt, MaxPeers: o.maxPeers,
		Priority: o.priority, Sequential: o.sequential, Ratio: o.ratio, Idle: o.idle, SeedTime: o.seedTime,
		Files: k.files, Started: moment(k.started), Changed: time.Unix(0, it.changed),
		Downloading: k.downloading, Seeding: k.seeding, Trackers: k.trackers,
	}
	e.Torrent = it.shown()
	if it.place == failed {
		e.Phase, e.Err = status.Failed, it.trouble.err
	} else if k.err != "" && k.flags.has(stopped) {
		e.Phase, e.Err = status.Failed, k.err
	}
	e.Comment, e.Creator, e.Created = k.comment, k.creator, moment(k.created)
	if k.flags.has(known) {
		e.TorrentFile = l.torrentPath(k.id)
	}
	return e
}

// shown is what there is to see of an item's torrent.
func (it *item) shown() status.Torrent {
	if it.last == nil {
		return it.torrent(it.phase)
	}
	return it.counted(*it.last)
}

// counted is what the session says of a torrent, with what only the list knows.
func (k *kept) counted(t status.Torrent) status.Torrent {
	t.Wasted, t.Corrupt, t.Active = k.wasted, k.corrupt, moment(k.active)
	t.Dir, t.DownTotal, t.UpTotal, t.Added, t.Finished = k.dir, k.down, k.up, moment(k.added), moment(k.finished)
	return t
}

// torrent is what is remembered of a torrent.
func (k *kept) torrent(phase status.Phase) status.Torrent {
	return status.Torrent{
		ID: k.id, Name: k.name, Dir: k.dir, Phase: phase, Size: k.size, Wanted: k.wanted, Have: k.have,
		Pieces: k.pieces, PiecesHave: k.piecesHave, PieceLength: k.pieceSize, Private: k.flags.has(private),
		DownTotal: k.down, UpTotal: k.up, Wasted: k.wasted, Corrupt: k.corrupt, Active: moment(k.active), ETA: -1,
		Added: moment(k.added), Finished: moment(k.finished),
	}
}

// change makes a copy of the options for f to change: entries that were handed out share the old ones.
func (k *kept) change(f func(o *options)) {
	o := *k.options()
	o.labels = slices.Clone(o.labels)
	f(&o)
	k.setOptions(o)
}
