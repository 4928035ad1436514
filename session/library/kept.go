package library

import (
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// kept is what is remembered of a torrent. Times are nanoseconds since 1970, 0 for never.
type kept struct {
	id     metainfo.ID
	serial int64  // of the last save
	name   string // foreign text
	link   string // the magnet link, as long as there is no .torrent
	dir    string // where its files are
	final  string // where they go when they are complete, "" for where they are
	err    string // why it was stopped
	rank   int64  // the order of the queue
	flags  flags

	added, finished, started, active int64
	comment, creator                 string // of the .torrent: foreign text
	created                          int64
	downloading, seeding             time.Duration

	size, wanted, have            int64
	pieces, piecesHave, pieceSize int
	files                         int
	down, up, wasted, corrupt     int64

	trackers [][]string // shared between torrents: never written to
	opt      *options   // nil: all is as usual; replaced, never written to
}

// flags of a torrent.
type flags uint32

const (
	stopped flags = 1 << iota
	forced        // beside the queue
	reached       // a goal
	private       // BEP 27
	known         // there is a .torrent
	removed       // to be forgotten, with the data if that is set too
	withData
	complete // everything wanted was there
	whole    // everything was there
	repair   // the user has seen that data is missing, and wants it fetched
	hooked   // the hooks of completion ran
	seeded   // those of the end of seeding ran
	recheck  // all is to be hashed anew
	moving   // its files are on their way: the session goes on with that once it opens them
)

func (f flags) has(x flags) bool { return f&x != 0 }

// set returns f with x switched on or off.
func (f flags) set(x flags, on bool) flags {
	if on {
		return f | x
	}
	return f &^ x
}

// options are what few torrents have.
type options struct {
	labels             []string // sorted
	group              string
	downLimit, upLimit int64
	exempt             bool
	maxPeers           int
	priority           int8
	sequential         bool
	ratio              status.Goal[float64]
	idle, seedTime     status.Goal[time.Duration]
	priorities         []uint8        // by index of Info.Files
	names              map[int]string // paths of files that were renamed, by index of Info.Files
	peers              []string       // that magnet links have named, host:port
}

var usual options

// options returns those of k; they may not be written to.
func (k *kept) options() *options {
	if k.opt == nil {
		return &usual
	}
	return k.opt
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
